{{- /* What the operator asks of the API server in each watched namespace, and nothing else (`python -m tests.support.rights`). */ -}}
{{- define "rotated-rds.rules" -}}
- {apiGroups: [rotated-rds.io], resources: [rotatedrdssecrets], verbs: [get, list, watch, patch]}
- {apiGroups: [rotated-rds.io], resources: [rotatedrdssecrets/status], verbs: [patch]}
# Get: first passwords, and the Secret as it stands. Lists and watches are by label, but RBAC knows no label. No delete: the owner
# reference does that. It needs no right over the resource's finalizers, as blockOwnerDeletion is unset.
- {apiGroups: [""], resources: [secrets], verbs: [get, list, watch, create, patch]}
# CA bundles that resources name.
- {apiGroups: [""], resources: [configmaps], verbs: [get]}
# Who runs on which version.
- {apiGroups: [""], resources: [pods], verbs: [list]}
# Restarts. Naming a kind that the cluster does not have does no harm.
- {apiGroups: [apps], resources: [deployments, statefulsets, daemonsets], verbs: [list, watch, patch]}
- {apiGroups: [argoproj.io], resources: [rollouts], verbs: [list, watch, patch]}
- {apiGroups: [events.k8s.io], resources: [events], verbs: [create, patch]}
{{- end -}}
