-- Absent means false; so nothing is left that Git does not say.
obj.spec.suspend = nil
return obj
