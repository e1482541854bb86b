#!/bin/sh
# Daemonises: the main process ends, what does the work has no parent of ours any more.
# "$1" = stays: the main process does not end, and the daemon, of which it knows nothing more, hears no TERM.
[ "$1" = stays ] && trap '' TERM
( setsid sh -c 'echo "daemon $$"; exec sleep 1000' & )
[ "$1" = stays ] || exit 0
trap - TERM
exec sleep 1000
