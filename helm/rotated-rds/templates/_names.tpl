{{- define "rotated-rds.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "rotated-rds.fullname" -}}
{{- $name := include "rotated-rds.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | replace "." "-" | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | replace "." "-" | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "rotated-rds.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "rotated-rds.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- /* What tells this release's pods from all others; a Deployment's selector, so it may never change. */ -}}
{{- define "rotated-rds.selectorLabels" -}}
app.kubernetes.io/name: {{ include "rotated-rds.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rotated-rds.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "rotated-rds.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "rotated-rds.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- /* The Lease's name, as the operator makes it from release and selector (commands/run.py). */ -}}
{{- define "rotated-rds.lease" -}}
{{- $name := include "rotated-rds.fullname" . -}}
{{- if .Values.watch.selector -}}
{{- printf "%s-%s" $name (.Values.watch.selector | trim | sha256sum | trunc 8) -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{- /* Roles for people go with the CRD and with a cluster-wide release: a release of some namespaces makes nothing cluster-wide. */ -}}
{{- define "rotated-rds.rolesForPeople" -}}
{{- if and .Values.rbac.create (or .Values.crds.enabled (not .Values.watch.namespaces)) -}}yes{{- end -}}
{{- end -}}
