local suspended = obj.spec.suspend == true
return {
  rotate = {disabled = suspended},
  sync = {disabled = suspended},
  suspend = {disabled = suspended},
  resume = {disabled = not suspended},
}
