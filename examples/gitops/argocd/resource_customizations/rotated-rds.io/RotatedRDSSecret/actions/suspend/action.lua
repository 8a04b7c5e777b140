-- Start nothing new. With selfHeal, set spec.suspend in Git instead: Argo CD would set it back.
obj.spec.suspend = true
return obj
