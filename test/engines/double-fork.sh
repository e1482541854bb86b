#!/bin/sh
# Daemonises: the main process ends, what does the work has no parent of ours any more.
( setsid sh -c 'echo "daemon $$"; exec sleep 1000' & )
exit 0
