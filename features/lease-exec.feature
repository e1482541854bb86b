Feature: poolctl lease exec runs a command that has an engine for as long as it runs

  Background:
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh, "${port}"] }
      readyAfter: 30ms
      backoff: { delay: 50ms }
      leases: { ttl: 3s }
      """

  Scenario: The command is told where its engine is
    When the daemon is started
    Then the pool "chat" becomes running
    When I note the engines.0.url of "chat"
    And I run poolctl "lease exec chat -- sh -c 'echo url=$POOLD_ENGINE_URL lease=$POOLD_LEASE_ID token=$POOLD_LEASE_TOKEN deadline=$POOLD_DEADLINE user=$USER'"
    Then it succeeds
    And it prints like "^url=http://127\.0\.0\.1:\d+ lease=l-[0-9a-f-]{36} token=\S+ deadline= user=tester\n$"
    And it prints the noted engines.0.url of "chat"
    And "chat" has granted 0 of 1 slots
    And the metric 'poold_lease_ended_total{pool="chat",how="released"}' is 1

  Scenario: Its exit code is ours, and whatever it is the lease is given back
    When the daemon is started
    Then the pool "chat" becomes running
    When I run poolctl "lease exec chat -- sh -c 'exit 42'"
    Then it exits with 42
    And "chat" has granted 0 of 1 slots
    When I run poolctl "lease exec chat -- sh -c 'kill -KILL $$'"
    Then it exits with 137
    And "chat" has granted 0 of 1 slots
    When I run poolctl "lease exec chat -- DIR/no-such-command"
    Then it exits with 127
    And it complains "there is no such command"
    And "chat" has granted 0 of 1 slots
    And the metric 'poold_lease_ended_total{pool="chat",how="released"}' is 3

  Scenario: Everything behind -- is the command's
    When the daemon is started
    Then the pool "chat" becomes running
    When I run poolctl "lease exec chat --holder nightly -- printf <%s> --output json --holder -x -- --socket"
    Then it succeeds
    And it prints "<--output><json><--holder><-x><--><--socket>"
    When I run poolctl "lease exec chat --timeout -- echo"
    Then it exits with 2
    When I run poolctl "lease exec chat"
    Then it exits with 2

  Scenario: It holds the lease for longer than its TTL
    When the daemon is started
    Then the pool "chat" becomes running
    When I begin poolctl "lease exec chat --holder nightly -- ENGINES/works-until.sh DIR/go 7"
    Then the running poolctl prints "works with l-"
    And the leases of "chat" are held by "nightly"
    And the lease of nightly has come to be renewed 4 times
    And "chat" has granted 1 of 1 slots
    When the file "go" is made
    Then the running poolctl ends with code 7
    And "chat" has granted 0 of 1 slots
    And the metric 'poold_lease_ended_total{pool="chat",how="released"}' is 1

  Scenario: When the lease is revoked the command gets TERM, and the exit code is 9
    When the daemon is started
    Then the pool "chat" becomes running
    When I begin poolctl "lease exec chat --holder nightly -- ENGINES/works-until.sh DIR/go"
    Then the running poolctl prints "works with l-"
    When an operator revokes the lease of nightly, as "the GPU is needed"
    Then the running poolctl prints "heard TERM"
    And the running poolctl complains "the GPU is needed"
    And the running poolctl ends with code 9
    And "chat" has granted 0 of 1 slots
    And the metric 'poold_lease_ended_total{pool="chat",how="revoked"}' is 1

  Scenario: When the engine dies the command gets TERM, and the exit code is 9
    When the daemon is started
    Then the pool "chat" becomes running
    When I begin poolctl "lease exec chat -- ENGINES/works-until.sh DIR/go"
    Then the running poolctl prints "works with l-"
    When the engine "chat/0" is killed with SIGKILL
    Then the running poolctl prints "heard TERM"
    And the running poolctl complains "engine_lost"
    And the running poolctl ends with code 9

  Scenario: It waits in the queue
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat" with:
      | ttlMs | 60000 |
    And I begin poolctl "lease exec chat --holder nightly --priority 7 -- sh -c 'echo served by $POOLD_ENGINE_URL'"
    Then the running poolctl complains "waiting for chat: number 1 in the queue"
    And the queue of "chat" is:
      | holder  | priority |
      | nightly | 7        |
    When alice releases the lease
    Then the running poolctl prints "served by http://127.0.0.1:"
    And the running poolctl ends with code 0
    When alice takes a lease on "chat" with:
      | ttlMs | 60000 |
    And I run poolctl "lease exec chat --wait 300ms -- echo never"
    Then it exits with 5
    And it does not print "never"
    And nobody waits for "chat"

  Scenario: Whoever stops it while it waits leaves the queue
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat" with:
      | ttlMs | 60000 |
    And I begin poolctl "lease exec chat --holder nightly -- echo never"
    Then the queue of "chat" is:
      | holder  |
      | nightly |
    When the running poolctl gets SIGTERM
    Then the running poolctl ends with code 143
    And nobody waits for "chat"
    And alice holds the lease

  Scenario: TERM is passed on to the command, and the lease is given back when that has ended
    When the daemon is started
    Then the pool "chat" becomes running
    When I begin poolctl "lease exec chat -- ENGINES/works-until.sh DIR/go"
    Then the running poolctl prints "works with l-"
    When the running poolctl gets SIGTERM
    Then the running poolctl prints "heard TERM"
    And the running poolctl ends with code 0
    And "chat" has granted 0 of 1 slots
    And the metric 'poold_lease_ended_total{pool="chat",how="released"}' is 1

  Scenario: When poolctl itself is killed nobody gives the lease back, and it ends with its TTL
    When the daemon is started
    Then the pool "chat" becomes running
    When I begin poolctl "lease exec chat --ttl 500ms --holder nightly -- ENGINES/works-until.sh DIR/go"
    Then the running poolctl prints "works with l-"
    When the running poolctl gets SIGKILL
    Then the daemon logs "lease.expired" for "chat/0" with:
      | holder | nightly |
    And "chat" has granted 0 of 1 slots
    And the file "go" is made

  Scenario: The death of the daemon in the middle does not end it
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh, "${port}"] }
      readyAfter: 30ms
      leases: { ttl: 15s }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When I begin poolctl "lease exec chat --holder nightly -- ENGINES/works-until.sh DIR/go 5"
    Then the running poolctl prints "works with l-"
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the leases of "chat" are held by "nightly"
    And the lease of nightly has come to be renewed 1 time
    When the file "go" is made
    Then the running poolctl ends with code 5
    And "chat" has granted 0 of 1 slots

  Scenario: Whoever waits when the daemon dies queues again
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat" with:
      | ttlMs | 60000 |
    And I begin poolctl "lease exec chat --holder nightly -- echo served"
    Then the queue of "chat" is:
      | holder  |
      | nightly |
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the running poolctl complains "poold no longer knows our place in the queue: asking again"
    And the queue of "chat" is:
      | holder  |
      | nightly |
    When alice releases the lease
    Then the running poolctl prints "served"
    And the running poolctl ends with code 0

  Scenario: What it cannot have
    When the daemon is started
    Then the pool "chat" becomes running
    When I run poolctl "lease exec chta -- echo never"
    Then it exits with 3
    When I run poolctl "lease exec chat --ttl 1ms -- echo never"
    Then it exits with 2
    When I run poolctl "lease exec chat --ttl 100h -- echo never"
    Then it exits with 2
    When I run poolctl "pause chat"
    And I run poolctl "lease exec chat -- echo never"
    Then it exits with 7
    And it does not print "never"
    And the pool "chat" has activeLeases 0
