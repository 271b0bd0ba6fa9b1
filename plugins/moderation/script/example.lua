-- No darn in any text; numbers are nobody's business; and who writes much is told to be brief.
local darn, number = regex("(?i)\\bdarn\\b"), regex("\\d{4,}")

function message(m)
  if darn(m.text) then return false, "Mind your language, " .. m.username .. ".", "darn" end
  if #m.text > 500 and not m.roles.writer then return false, "Please be brief.", "long" end
  for i, text in ipairs(m.texts) do m.texts[i] = number(text, "****") end
  return m.texts
end
