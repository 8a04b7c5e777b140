-- Rotate once, as soon as nothing holds it back. Each new text is one request.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["rotated-rds.io/rotate"] = "argocd " .. os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
