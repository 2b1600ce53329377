# SPDX-License-Identifier: MIT
# points.gdb - stop at each trace point and show its arguments, as points.c expects them.
set pagination off
set confirm off
set breakpoint pending off
set print thread-events off
break main
run
delete
break -probe-stap weir:publish__refused
commands
silent
printf "publish__refused | %u | %u | %s | %u | %d\n", $_probe_arg0, $_probe_arg1, (char *)$_probe_arg2, $_probe_arg3, $_probe_arg4
continue
end
break -probe-stap weir:park
commands
silent
printf "park | %s | %u\n", (char *)$_probe_arg0, $_probe_arg1
continue
end
break -probe-stap weir:wake
commands
silent
printf "wake | %s | %u\n", (char *)$_probe_arg0, $_probe_arg1
continue
end
break -probe-stap weir:dispatch__begin
commands
silent
printf "dispatch__begin | %s | %u | %u\n", (char *)$_probe_arg0, $_probe_arg1, $_probe_arg2
continue
end
break -probe-stap weir:dispatch__end
commands
silent
printf "dispatch__end | %s | %u | %u | %u | %lu\n", (char *)$_probe_arg0, $_probe_arg1, $_probe_arg2, $_probe_arg3, $_probe_arg5 - $_probe_arg4
continue
end
break -probe-stap weir:failure
commands
silent
printf "failure | %lu | %s | %d | %u | %s | %u | %lu\n", $_probe_arg0, (char *)$_probe_arg1, $_probe_arg2, $_probe_arg3, (char *)$_probe_arg4, $_probe_arg5, $_probe_arg6
continue
end
break -probe-stap weir:failure__again
commands
silent
printf "failure__again | %lu | %s | %d | %lu\n", $_probe_arg0, (char *)$_probe_arg1, $_probe_arg2, $_probe_arg3
continue
end
break -probe-stap weir:quarantine__begin
commands
silent
printf "quarantine__begin | %lu | %s\n", $_probe_arg0, (char *)$_probe_arg1
continue
end
break -probe-stap weir:quarantine__trial
commands
silent
printf "quarantine__trial | %lu | %s\n", $_probe_arg0, (char *)$_probe_arg1
continue
end
break -probe-stap weir:quarantine__end
commands
silent
printf "quarantine__end | %lu | %s\n", $_probe_arg0, (char *)$_probe_arg1
continue
end
break -probe-stap weir:skip
commands
silent
printf "skip | %s | %u | %lu | %lu\n", (char *)$_probe_arg0, $_probe_arg1, $_probe_arg2, $_probe_arg3
continue
end
break -probe-stap weir:stuck
commands
silent
printf "stuck | %s | %u | %u | %lu | %s | %d\n", (char *)$_probe_arg0, $_probe_arg1, $_probe_arg2, $_probe_arg3, (char *)$_probe_arg4, $_probe_arg5 >= 10000000
continue
end
continue
