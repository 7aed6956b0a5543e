-- Many display filters in one run of tshark: a tap for each line of the file $FILTERS; at the end $OUT gets, for each,
-- its number, "N" and the frames it matched, or "E" and why it is refused.
local filters, hits, errors = {}, {}, {}
for line in io.lines(os.getenv("FILTERS")) do filters[#filters + 1] = line end
for i, filter in ipairs(filters) do
  hits[i] = {}
  local ok, tap = pcall(Listener.new, "frame", filter)
  if ok then
    local found = hits[i]
    tap.packet = function(pinfo) found[#found + 1] = pinfo.number end
    tap.draw = function() end
    tap.reset = function() end
  else
    errors[i] = tostring(tap):gsub("\n", " ")
  end
end
local last = Listener.new("frame", "frame.number == 0")
function last.packet() end
function last.reset() end
function last.draw()
  local out = io.open(os.getenv("OUT"), "w")
  for i = 1, #filters do
    if errors[i] then out:write(i, "\tE\t", errors[i], "\n") else out:write(i, "\tN\t", table.concat(hits[i], " "), "\n") end
  end
  out:close()
end
