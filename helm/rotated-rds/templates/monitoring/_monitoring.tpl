{{- /* The job of this release's series, alone in the cluster: both monitors set it, rules and dashboard go by it. */ -}}
{{- define "rotated-rds.job" -}}
{{- .Values.prometheusRule.job | default (printf "%s/%s" .Release.Namespace (include "rotated-rds.fullname" .)) -}}
{{- end -}}

{{- /* How Prometheus scrapes the pods. honorLabels: `namespace` of the two gauges a resource is the resource's, not the operator's. */ -}}
{{- define "rotated-rds.endpoint" -}}
{{- $monitor := .monitor -}}
port: metrics
path: /metrics
honorLabels: true
{{- with $monitor.interval }}
interval: {{ . }}
{{- end }}
{{- with $monitor.scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
relabelings:
- {action: replace, targetLabel: job, replacement: {{ include "rotated-rds.job" .root | quote }}}
{{- with $monitor.relabelings }}
{{ toYaml . }}
{{- end }}
{{- with $monitor.metricRelabelings }}
metricRelabelings: {{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}

{{- define "rotated-rds.checkMonitoring" -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- fail "serviceMonitor.enabled, podMonitor.enabled: set one; with both each pod is scraped twice" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.metrics.service.enabled) -}}
{{- fail "serviceMonitor.enabled: needs metrics.service.enabled; without a Service use podMonitor" -}}
{{- end -}}
{{- range .Values.prometheusRule.disabled -}}
{{- if not (regexMatch (printf "alert: %s\n" .) ($.Files.Get "files/alerts.yaml")) -}}
{{- fail (printf "prometheusRule.disabled: there is no alert %s; docs/monitoring.md has their names" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
