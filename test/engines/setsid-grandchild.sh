#!/bin/sh
# Its grandchild has a session of its own: no signal to the engine's group reaches it. "$1" = exits: the engine itself ends at once.
setsid sleep 1000 &
echo "grandchild $!"
[ "$1" = exits ] && exit 0
exec sleep 1000
