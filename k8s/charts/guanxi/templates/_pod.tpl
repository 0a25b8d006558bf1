{{/*
What pods of services, of migrations and of tests have in common.
*/}}

{{/* Whom a pod runs as: "restricted", as the pod security standards say. */}}
{{- define "guanxi.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "guanxi.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "guanxi.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Where the pod listens and has its files: (dict "root" $ "unit" UNIT). */}}
{{- define "guanxi.ownEnv" -}}
- name: GUANXI_SERVER__LISTEN
  value: {{ printf "%s:%v" .root.Values.listenAddress .root.Values.ports.grpc | quote }}
- name: GUANXI_SERVER__ADMIN
  value: {{ printf "%s:%v" .root.Values.listenAddress .root.Values.ports.admin | quote }}
- name: GUANXI_DATABASE__DATA_DIR
  value: /data
{{- end -}}

{{/* The variable with the database's URL: (dict "root" $ "unit" UNIT "migrates" BOOL). Nothing where it is embedded. */}}
{{- define "guanxi.databaseEnv" -}}
{{- $values := .root.Values -}}
{{- if not $values.embedded.enabled -}}
{{- $secret := .unit.database.existingSecret -}}
{{- $key := .unit.database.urlKey -}}
{{- if and .migrates $values.migrations.existingSecret -}}
{{- $secret = $values.migrations.existingSecret -}}
{{- $key = $values.migrations.urlKey -}}
{{- else if $values.database.cloudnativepg.enabled -}}
{{- $secret = printf "%s-db-app" .unit.fullname -}}
{{- $key = "uri" -}}
{{- end -}}
- name: GUANXI_DATABASE__URL
  valueFrom:
    secretKeyRef:
      name: {{ include "guanxi.named" (list $secret .unit) }}
      key: {{ include "guanxi.named" (list $key .unit) }}
{{- end -}}
{{- end -}}

{{/* The variable with Redis's URL. */}}
{{- define "guanxi.redisEnv" -}}
{{- if not .Values.embedded.enabled -}}
{{- if .Values.redis.operator.enabled -}}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .Values.redis.existingSecret }}
      key: {{ .Values.redis.operator.passwordKey }}
- name: GUANXI_REDIS__URL
  value: redis://:$(REDIS_PASSWORD)@{{ include "guanxi.fullname" . }}-redis:6379
{{- else -}}
- name: GUANXI_REDIS__URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.redis.existingSecret }}
      key: {{ .Values.redis.urlKey }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Where settings, keys and certificates are mounted: (dict "root" $ "unit" UNIT). */}}
{{- define "guanxi.mounts" -}}
- name: config
  mountPath: /etc/guanxi/config
  readOnly: true
- name: auth
  mountPath: /etc/guanxi/auth
  readOnly: true
{{- if and .unit.database.ca.existingSecret (not .root.Values.embedded.enabled) }}
- name: database-ca
  mountPath: /etc/guanxi/database-ca
  readOnly: true
{{- end }}
{{- if and .root.Values.redis.ca.existingSecret (not .root.Values.embedded.enabled) }}
- name: redis-ca
  mountPath: /etc/guanxi/redis-ca
  readOnly: true
{{- end }}
{{- if .root.Values.auth.ca.existingSecret }}
- name: auth-ca
  mountPath: /etc/guanxi/auth-ca
  readOnly: true
{{- end }}
{{- if .root.Values.tls.existingSecret }}
- name: tls
  mountPath: /etc/guanxi/tls
  readOnly: true
{{- end }}
{{- end -}}

{{/* Their volumes: (dict "root" $ "unit" UNIT "config" NAME-OF-CONFIGMAP). */}}
{{- define "guanxi.volumes" -}}
{{- $auth := .root.Values.auth -}}
- name: config
  configMap:
    name: {{ .config }}
- name: auth
  secret:
    secretName: {{ include "guanxi.named" (list $auth.existingSecret .unit) }}
    defaultMode: 0440
    items:
      - key: {{ include "guanxi.named" (list $auth.key .unit) }}
        path: key
{{- if ne $auth.mode "hs256" }}
      - key: {{ include "guanxi.named" (list $auth.signingKey .unit) }}
        path: signing-key
{{- end }}
{{- if and .unit.database.ca.existingSecret (not .root.Values.embedded.enabled) }}
- name: database-ca
  secret:
    secretName: {{ include "guanxi.named" (list .unit.database.ca.existingSecret .unit) }}
    items:
      - key: {{ .unit.database.ca.key }}
        path: ca.crt
{{- end }}
{{- if and .root.Values.redis.ca.existingSecret (not .root.Values.embedded.enabled) }}
- name: redis-ca
  secret:
    secretName: {{ .root.Values.redis.ca.existingSecret }}
    items:
      - key: {{ .root.Values.redis.ca.key }}
        path: ca.crt
{{- end }}
{{- if $auth.ca.existingSecret }}
- name: auth-ca
  secret:
    secretName: {{ $auth.ca.existingSecret }}
    items:
      - key: {{ $auth.ca.key }}
        path: ca.crt
{{- end }}
{{- with .root.Values.tls }}
{{- if .existingSecret }}
# What is renewed in the Secret arrives here, and is used without a restart.
- name: tls
  secret:
    secretName: {{ include "guanxi.named" (list .existingSecret $.unit) }}
    defaultMode: 0440
    items:
      - key: {{ .certificate }}
        path: tls.crt
      - key: {{ .key }}
        path: tls.key
      - key: {{ .ca }}
        path: ca.crt
{{- end }}
{{- end }}
{{- end -}}

{{/* Where pods go: UNIT. */}}
{{- define "guanxi.scheduling" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}
