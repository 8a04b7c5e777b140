{{- /* A pod of the chart's own that looks at something (files/look.py) and ends. Takes root, look, argument. */ -}}
{{- define "rotated-rds.look" -}}
restartPolicy: Never
automountServiceAccountToken: true
securityContext: {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 0 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 0 }}
{{- end }}
containers:
- name: look
  image: {{ include "rotated-rds.image" .root | quote }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command: [python, -c]
  args:
  - |
    {{- .root.Files.Get "files/look.py" | nindent 4 }}
  - {{ .look }}
  - {{ .argument | quote }}
  securityContext: {{- toYaml .root.Values.securityContext | nindent 4 }}
  resources:
    requests: {cpu: 10m, memory: 32Mi}
    limits: {memory: 128Mi}
{{- end -}}

{{- /* Its labels: not the operator's own, so that no selector takes it for one. Takes root, look. */ -}}
{{- define "rotated-rds.lookLabels" -}}
{{- $name := dict "app.kubernetes.io/name" (printf "%s-%s" (include "rotated-rds.name" .root) .look) -}}
{{- include "rotated-rds.labels" .root | fromYaml | merge $name | toYaml -}}
{{- end -}}
