{{- /* The operator's settings as environment variables: operator/rotated_rds/settings.py's table, in its order. */ -}}
{{- define "rotated-rds.settings" -}}
{{- $values := .Values -}}
{{- $settings := list
  (list "ROTATED_RDS_NAMESPACES" (join "," $values.watch.namespaces))
  (list "ROTATED_RDS_SELECTOR" $values.watch.selector)
  (list "ROTATED_RDS_QUEUE_URL" $values.aws.events.queueUrl)
  (list "ROTATED_RDS_SWEEP_INTERVAL" $values.aws.sweepInterval)
  (list "ROTATED_RDS_CLUSTER" $values.clusterName)
  (list "ROTATED_RDS_SECRET_PREFIX" $values.aws.secretPrefix)
  (list "ROTATED_RDS_STACK_ROLE" $values.aws.stackRole)
  (list "ROTATED_RDS_TENANCY_FILE" "/var/run/rotated-rds/tenancy/tenancy.yaml")
  (list "ROTATED_RDS_CA_FILE" (ternary "/var/run/rotated-rds/ca/ca.crt" "" (not (empty (include "rotated-rds.caConfigMap" .)))))
  (list "ROTATED_RDS_MIN_ROTATION_INTERVAL" $values.limits.minRotationInterval)
  (list "ROTATED_RDS_MAX_ROTATIONS" $values.limits.rotations)
  (list "ROTATED_RDS_MAX_ROLLOUTS" $values.limits.rollouts)
  (list "ROTATED_RDS_WORKERS" $values.workers)
  (list "ROTATED_RDS_RELEASE" (include "rotated-rds.fullname" .))
  (list "ROTATED_RDS_LISTEN" (printf ":%v" $values.metrics.port))
  (list "ROTATED_RDS_PER_RESOURCE_METRICS" $values.metrics.perResource)
  (list "ROTATED_RDS_LOG_FORMAT" $values.log.format)
  (list "ROTATED_RDS_LOG_LEVEL" $values.log.level)
  (list "AWS_REGION" $values.aws.region)
  (list "AWS_ENDPOINT_URL" $values.aws.endpointUrl)
-}}
{{- range $settings }}
{{- $told := last . | toString }}
{{- if $told }}
- name: {{ first . }}
  value: {{ $told | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* The ConfigMap with more CAs: the user's, ours, or none. */ -}}
{{- define "rotated-rds.caConfigMap" -}}
{{- if .Values.caBundle.configMap.name -}}
{{- .Values.caBundle.configMap.name -}}
{{- else if .Values.caBundle.pem -}}
{{- printf "%s-ca" (include "rotated-rds.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- /* What no schema can say in plain words. */ -}}
{{- define "rotated-rds.check" -}}
{{- if and .Values.watch.namespaces (not .Values.clusterName) -}}
{{- fail "clusterName: required with watch.namespaces, since the uid of the namespace kube-system, its default, cannot be read with rights in some namespaces only; set a name that no other cluster of the AWS account has" -}}
{{- end -}}
{{- if and .Values.caBundle.pem .Values.caBundle.configMap.name -}}
{{- fail "caBundle: set pem or configMap.name, not both" -}}
{{- end -}}
{{- $budget := .Values.podDisruptionBudget -}}
{{- if and $budget.enabled (ne (toString $budget.minAvailable) "") (ne (toString $budget.maxUnavailable) "") -}}
{{- fail "podDisruptionBudget: set minAvailable or maxUnavailable, not both; the other one to \"\"" -}}
{{- end -}}
{{- if and $budget.enabled (eq (toString $budget.minAvailable) "") (eq (toString $budget.maxUnavailable) "") -}}
{{- fail "podDisruptionBudget: set minAvailable or maxUnavailable, or enabled: false" -}}
{{- end -}}
{{- end -}}
