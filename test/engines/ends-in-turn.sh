#!/bin/sh
# Writes each start to $1/journal, and `double` when another process of this replica still runs: the lock goes with the last one that has it.
# In turn by its generation it ends by a TERM, not by a TERM, or leaves a process behind that no longer belongs to its session.
exec 9>>"$1/$POOLD_POOL-$POOLD_REPLICA.lock"
who="$POOLD_POOL/$POOLD_REPLICA $POOLD_GENERATION $$"
flock -n 9 || echo "double $who" >>"$1/journal"
echo "start $who" >>"$1/journal"
case $((POOLD_GENERATION % 3)) in
  1) trap '' TERM ;;
  2) setsid sleep 1000000 & ;;
esac
exec sleep 1000000
