{{/*
Names, labels and the units: what is deployed. A unit is one Deployment; there is one for each enabled service, or one
for all of them where `embedded` is on. Every template loops over the units and knows nothing else of services.
*/}}

{{- define "guanxi.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "guanxi.fullname" -}}
{{- $name := include "guanxi.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change: (dict "root" $ "component" NAME). */}}
{{- define "guanxi.selector" -}}
app.kubernetes.io/name: {{ include "guanxi.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* All labels of an object: (dict "root" $ "component" NAME "version" TAG). */}}
{{- define "guanxi.labels" -}}
{{ include "guanxi.selector" . }}
app.kubernetes.io/part-of: guanxi
app.kubernetes.io/version: {{ .version | default .root.Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of pods: none that changes with the chart alone, so that a service is only replaced by its own release. */}}
{{- define "guanxi.podLabels" -}}
{{ include "guanxi.selector" . }}
app.kubernetes.io/part-of: guanxi
app.kubernetes.io/version: {{ .version | trunc 63 | quote }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
(list BASE OVER): OVER laid over BASE, key by key, as YAML. Unlike `merge` it lets false, 0 and "" win.
*/}}
{{- define "guanxi.overlay" -}}
{{- $base := index . 0 | default dict -}}
{{- $over := index . 1 | default dict -}}
{{- $result := deepCopy $base -}}
{{- range $key, $value := $over -}}
{{- $below := index $base $key -}}
{{- if and (kindIs "map" $value) (kindIs "map" $below) -}}
{{- $_ := set $result $key (include "guanxi.overlay" (list $below $value) | fromYaml) -}}
{{- else -}}
{{- $_ := set $result $key $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $result -}}
{{- end -}}

{{/*
The units as YAML, {units: […]}: the keys of `workload`, and
  component  loyalty, or suite for all in one
  fullname   the name of its Deployment and Service
  services   what it runs
  health     the name that probes ask for
  image      with the service's own overrides
  database   likewise
  settings   likewise, without what the chart looks after
  calls      components of this release that it calls
*/}}
{{- define "guanxi.units" -}}
{{- $root := . -}}
{{- $units := list -}}
{{- $fullname := include "guanxi.fullname" . -}}
{{- $own := dict "image" .Values.image "database" (omit .Values.database "cloudnativepg") "settings" .Values.settings -}}
{{- $base := merge (deepCopy .Values.workload) $own -}}
{{- if .Values.embedded.enabled -}}
{{- $one := dict "component" "suite" "fullname" $fullname "services" (keys .Values.services | sortAlpha) -}}
{{- $_ := merge $one (dict "health" "" "calls" list "replicas" 1) -}}
{{- $units = append $units (include "guanxi.overlay" (list $base $one) | fromYaml) -}}
{{- else -}}
{{- range $name, $service := .Values.services -}}
{{- if $service.enabled -}}
{{- $calls := list -}}
{{- range $service.calls -}}
{{- if (index $root.Values.services .).enabled -}}{{- $calls = append $calls . -}}{{- end -}}
{{- end -}}
{{- $unit := include "guanxi.overlay" (list $base (omit $service "enabled")) | fromYaml -}}
{{- $_ := set $unit "component" $name -}}
{{- $_ := set $unit "fullname" (printf "%s-%s" $fullname $name) -}}
{{- $_ := set $unit "services" (list $name) -}}
{{- $_ := set $unit "health" $name -}}
{{- $_ := set $unit "calls" $calls -}}
{{- $units = append $units $unit -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not $units -}}
{{- fail "services: none is enabled" -}}
{{- end -}}
{{- toYaml (dict "units" $units) -}}
{{- end -}}

{{/* The tag that a unit runs: (dict "root" $ "unit" UNIT). */}}
{{- define "guanxi.tag" -}}
{{- .unit.image.tag | default .root.Chart.AppVersion -}}
{{- end -}}

{{- define "guanxi.image" -}}
{{- if .unit.image.digest -}}
{{- printf "%s@%s" .unit.image.repository .unit.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .unit.image.repository (include "guanxi.tag" .) -}}
{{- end -}}
{{- end -}}

{{- define "guanxi.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "guanxi.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* {service} in a name: (list NAME UNIT). */}}
{{- define "guanxi.named" -}}
{{- index . 0 | replace "{service}" (index . 1).component -}}
{{- end -}}

{{/* Namespaces, pods and addresses of a policy, from entries of the values. */}}
{{- define "guanxi.policyPeers" -}}
{{- range . }}
{{- if .cidr }}
- ipBlock:
    cidr: {{ .cidr }}
{{- else }}
- {{ with .namespace }}namespaceSelector:
    matchLabels: {{- toYaml . | nindent 6 }}
  {{ end }}{{ with .pods }}podSelector:
    matchLabels: {{- toYaml . | nindent 6 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* How services are called. */}}
{{- define "guanxi.scheme" -}}
{{- ternary "https" "http" (not (empty .Values.tls.existingSecret)) -}}
{{- end -}}

{{/* The port of a URL. */}}
{{- define "guanxi.port" -}}
{{- $host := (urlParse .).host -}}
{{- regexFind ":[0-9]+$" $host | trimPrefix ":" | default (hasPrefix "https:" . | ternary "443" "80") -}}
{{- end -}}
