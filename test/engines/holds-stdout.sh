#!/bin/sh
# Ends at once; a child in its group keeps stdout and stderr open.
sleep 1000 &
echo "holder $!"
exit 0
