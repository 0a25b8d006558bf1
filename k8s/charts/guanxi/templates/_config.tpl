{{/*
A unit's settings as the TOML file that it is given by --config.
*/}}

{{/* All settings of a unit, as YAML: (dict "root" $ "unit" UNIT). The chart's own go first, but for peers. */}}
{{- define "guanxi.settings" -}}
{{- $values := .root.Values -}}
{{- $unit := .unit -}}
{{- $auth := dict "mode" $values.auth.mode "key_file" "/etc/guanxi/auth/key" -}}
{{- if eq $values.auth.mode "eddsa" -}}
{{- $_ := set $auth "signing_key_file" "/etc/guanxi/auth/signing-key" -}}
{{- end -}}
{{- $fixed := dict "auth" $auth -}}
{{- $peers := dict -}}
{{- if not $values.embedded.enabled -}}
{{- range $unit.calls -}}
{{- $_ := set $peers . (printf "http://%s-%s:%v" (include "guanxi.fullname" $.root) . $values.ports.grpc) -}}
{{- end -}}
{{- end -}}
{{- $given := include "guanxi.overlay" (list (dict "peers" $peers) $unit.settings) | fromYaml -}}
{{- include "guanxi.overlay" (list $given $fixed) -}}
{{- end -}}

{{/* A table in TOML: (dict "path" PREFIX "table" TABLE). Plain values first, then the tables below. */}}
{{- define "guanxi.toml" -}}
{{- $path := .path -}}
{{- range $key, $value := .table -}}
{{- if not (kindIs "map" $value) }}
{{ $key }} = {{ include "guanxi.toml.value" $value }}
{{- end -}}
{{- end -}}
{{- range $key, $value := .table -}}
{{- if and (kindIs "map" $value) $value }}
{{- $below := ternary $key (printf "%s.%s" $path $key) (empty $path) }}

[{{ $below }}]
{{- include "guanxi.toml" (dict "path" $below "table" $value) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* One value: texts and numbers are written as in JSON, which TOML reads; tables in lists as inline tables. */}}
{{- define "guanxi.toml.value" -}}
{{- if kindIs "map" . -}}
{ {{- $first := true -}}
{{- range $key, $value := . -}}
{{- if not $first }}, {{ end }}{{ $key }} = {{ include "guanxi.toml.value" $value }}{{- $first = false -}}
{{- end -}} }
{{- else if kindIs "slice" . -}}
[{{- range $at, $value := . -}}{{- if $at }}, {{ end }}{{ include "guanxi.toml.value" $value }}{{- end -}}]
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}

{{/* The file: (dict "root" $ "unit" UNIT "leave" LIST), without the sections in LIST. */}}
{{- define "guanxi.config" -}}
{{- $settings := include "guanxi.settings" . | fromYaml -}}
{{- range .leave -}}{{- $_ := unset $settings . -}}{{- end -}}
{{- include "guanxi.toml" (dict "path" "" "table" $settings) | trim }}
{{- end -}}
