{{/*
A unit's settings as the TOML file that it is given by --config.
*/}}

{{/* All settings of a unit, as YAML: (dict "root" $ "unit" UNIT). The chart's own go first, but for peers. */}}
{{- define "guanxi.settings" -}}
{{- $values := .root.Values -}}
{{- $unit := .unit -}}
{{- $auth := dict "mode" $values.auth.mode "key_file" "/etc/guanxi/auth/key" -}}
{{- if ne $values.auth.mode "hs256" -}}
{{- $_ := set $auth "signing_key_file" "/etc/guanxi/auth/signing-key" -}}
{{- end -}}
{{- if $values.auth.ca.existingSecret -}}
{{- $_ := set $auth "jwks_ca_file" "/etc/guanxi/auth-ca/ca.crt" -}}
{{- end -}}
{{- $fixed := dict "auth" $auth -}}
{{- if $values.tls.existingSecret -}}
{{- $tls := dict "certificate_file" "/etc/guanxi/tls/tls.crt" "key_file" "/etc/guanxi/tls/tls.key" -}}
{{- if not $values.embedded.enabled -}}
{{- $_ := set $tls "peer_ca_file" "/etc/guanxi/tls/ca.crt" -}}
{{- $_ := set $tls "peer_certificate_file" "/etc/guanxi/tls/tls.crt" -}}
{{- $_ := set $tls "peer_key_file" "/etc/guanxi/tls/tls.key" -}}
{{- end -}}
{{- if ne $values.tls.clients "none" -}}
{{- $_ := set $tls "client_ca_file" "/etc/guanxi/tls/ca.crt" -}}
{{- $_ := set $tls "client_required" (eq $values.tls.clients "required") -}}
{{- end -}}
{{- $_ := set $fixed "tls" $tls -}}
{{- end -}}
{{- if not $values.embedded.enabled -}}
{{- if $unit.database.ca.existingSecret -}}
{{- $_ := set $fixed "database" (dict "ca_file" "/etc/guanxi/database-ca/ca.crt") -}}
{{- end -}}
{{- if $values.redis.ca.existingSecret -}}
{{- $_ := set $fixed "redis" (dict "ca_file" "/etc/guanxi/redis-ca/ca.crt") -}}
{{- end -}}
{{- end -}}
{{- $peers := dict -}}
{{- if not $values.embedded.enabled -}}
{{- range $unit.calls -}}
{{- /* The Service that names each pod: calls are spread over them, connection by connection. */ -}}
{{- $_ := set $peers . (printf "%s://%s-%s-pods:%v" (include "guanxi.scheme" $.root) (include "guanxi.fullname" $.root) . $values.ports.grpc) -}}
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
