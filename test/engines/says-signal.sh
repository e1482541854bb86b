#!/bin/sh
# Says which signal it was told to end with, and ends.
for signal in TERM INT USR1; do trap "echo heard $signal; exit 0" $signal; done
echo ready
while :; do sleep 1000 & wait $!; done
