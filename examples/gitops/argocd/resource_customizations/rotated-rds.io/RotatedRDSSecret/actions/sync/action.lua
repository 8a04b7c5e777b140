-- Read AWS again and try the login again, now. Each new text is one request.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["rotated-rds.io/sync"] = "argocd " .. os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
