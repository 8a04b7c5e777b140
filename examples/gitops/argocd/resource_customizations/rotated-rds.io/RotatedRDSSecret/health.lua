-- RotatedRDSSecret keeps to kstatus: observedGeneration (-1 until the operator has looked), Ready, Reconciling, Stalled.
-- Its reasons and what each means: docs/reference.md of rotated-rds, section Reasons.
local health = {status = "Progressing", message = "The operator has not looked at this resource yet"}
local status = obj.status
if status == nil or status.conditions == nil then
  return health
end
if status.observedGeneration ~= obj.metadata.generation then
  health.message = "The operator has not looked at this generation yet"
  return health
end

local is = {}
for _, condition in ipairs(status.conditions) do
  is[condition.type] = condition
end
local function holds(kind)
  return is[kind] ~= nil and is[kind].status == "True"
end

if holds("Stalled") then
  health.status, health.message = "Degraded", is.Stalled.reason .. ": " .. is.Stalled.message
elseif holds("Suspended") then
  health.status, health.message = "Suspended", is.Suspended.message
elseif holds("Ready") then
  health.status, health.message = "Healthy", is.Ready.message
elseif is.Ready ~= nil then
  health.message = is.Ready.reason .. ": " .. is.Ready.message
end
return health
