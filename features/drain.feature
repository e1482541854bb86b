Feature: Draining: nobody new, those who are there finish, at the deadline the rest is cut

  Background: nobody renews a lease here
    Given beside the pools the configuration says:
      """
      defaults: { leases: { ttl: 10m } }
      """

  Scenario: A drained pool says so everywhere, and refuses new work as maintenance
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      slots: 2
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I run poolctl "drain chat --deadline 5m --no-wait --reason 'new disks'"
    Then it succeeds
    And it prints "drain chat: begun; poolctl operations op-"
    And the status of "chat" shows:
      | state                     | draining                                         |
      | draining                  | true                                             |
      | ready                     | false                                            |
      | live                      | true                                             |
      | reason                    | drained                                          |
      | message                   | /^drained by .*: new disks; 1 lease is held; at most (5m\|4m\d+s) until they are cut$/ |
      | activeLeases              | 1                                                |
      | slotsFree                 | 0                                                |
      | engines.0.state           | draining                                         |
      | engines.0.live            | true                                             |
      | engines.0.activeLeases    | 1                                                |
      | overrides.0.key           | wanted                                           |
      | overrides.0.value         | drained                                          |
      | overrides.0.reason        | new disks                                        |
    When bob asks for a lease on "chat"
    Then it is refused with 503 pool_draining, saying "it is draining"
    And the answer is 503 with:
      | reason                             | MAINTENANCE |
      | retriable                          | true        |
      | pool                               | chat        |
      | retryAfterMs                       | /^(29\d{4}\|300000)$/ |
      | maintenance.type                   | drain       |
      | maintenance.allowsQueueProcessing  | true        |
      | maintenance.acceptsNewConnections  | false       |
    And the answer has the header "retry-after" like "^(300|29\d)$"
    When bob asks for a lease on "chat" without waiting
    Then it is refused with 503 pool_draining
    When I run poolctl "lease acquire chat --wait 10s"
    Then it exits with 7
    And ann holds the lease on "chat/0"
    And the engine "chat/0" consists of 1 process
    And the daemon logs "drain.started" for "chat" with:
      | level  | warn |
      | leases | 1    |
      | kind   | drain |

  Scenario: While a pool drains, health and its balancers know
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I ask for "/ready?pools=chat"
    Then the answer is 200
    When ann takes a lease on "chat"
    And I run poolctl "drain chat --deadline 5m --no-wait"
    And I ask for "/health"
    Then the answer is 200 with:
      | status | ok |
    When I ask for "/ready"
    Then the answer is 200
    When I ask for "/ready?pools=chat"
    Then the answer is 503
    When I ask for "/v1/pools/chat/ready"
    Then it is refused with 503 pool_draining
    And the answer is 503 with:
      | reason                            | MAINTENANCE |
      | maintenance.acceptsNewConnections | false       |
    And the answer has the header "retry-after" like "^(300|29\d)$"
    And the metric 'poold_pool_ready{pool="chat"}' is 0
    And the metric 'poold_pool_active_leases{pool="chat"}' is 1

  Scenario: The engine ends behind its last lease, gracefully, and nothing of it stays
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      slots: 2
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And the file "run/engines/chat-0.pid" exists
    And the file "run/engines/chat-0.json" exists
    When ann takes a lease on "chat"
    And bob takes a lease on "chat"
    And I note the newest cursor
    And I follow the events of "chat" from there
    And I begin poolctl "drain chat --deadline 5m"
    Then the running poolctl complains "chat/0 takes no new leases, 2 leases are held"
    And the pool "chat" becomes draining
    When ann releases the lease
    Then the status of "chat" shows:
      | state                  | draining |
      | engines.0.activeLeases | 1        |
      | engines.0.state        | draining |
    When bob renews the lease
    Then the answer is 200 with:
      | draining | true |
    When bob releases the lease
    Then the running poolctl prints "drain chat: drained"
    And the running poolctl ends with code 0
    And I am told in this order:
      | drain.started  |        | leases  | 2         |
      | lease.draining | chat/0 | holder  | ann       |
      | lease.draining | chat/0 | holder  | bob       |
      | lease.released | chat/0 | holder  | ann       |
      | drain.progress | chat/0 | leases  | 1         |
      | lease.released | chat/0 | holder  | bob       |
      | drain.progress | chat/0 | leases  | 0         |
      | engine.exited  | chat/0 | class   | requested |
      | drain.finished |        | outcome | drained   |
    And the engine "chat/0" writes "heard TERM"
    And the last end of "chat/0" was:
      | class | requested |
      | code  | 0         |
    And the pool "chat" becomes drained
    And the file "run/engines/chat-0.pid" is gone
    And the file "run/engines/chat-0.json" is gone
    And nothing is left of the engine "chat/0"
    And the pool "chat" has crashCount 0
    And the metric 'poold_drain_duration_seconds_count{pool="chat"}' is 1
    And the metric 'poold_drain_forced_total{pool="chat"}' is 0

  Scenario: At the deadline whoever is left is cut, never before, and everybody knows who it was
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      slots: 2
      readyAfter: 50ms
      drain: { deadline: 1500ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And bob takes a lease on "chat"
    And I note the newest cursor
    And I follow the events of "chat" from there
    And I begin poolctl "drain chat"
    Then the pool "chat" becomes draining
    When ann renews the lease
    Then the answer is 200 with:
      | draining   | true     |
      | deadlineAt | /^20.*Z/ |
    And the lease of ann ends not beyond the deadline of its drain
    When bob releases the lease
    Then the running poolctl ends with code 4
    And the running poolctl complains "cut ann, who had held chat/0 for"
    And the running poolctl prints "drain chat: forced"
    And the lease of ann has ended as forced, saying "chat/0 was drained, and its deadline has come"
    And nothing of "chat" was cut before the deadline
    And I am told in this order:
      | drain.started  |        | leases  | 2         |
      | lease.forced   | chat/0 | holder  | ann       |
      | drain.forced   | chat/0 | leases  | 1         |
      | engine.exited  | chat/0 | class   | requested |
      | drain.finished |        | outcome | forced    |
    And nobody was granted an engine of "chat" after "drain.started"
    And the engine "chat/0" writes "heard TERM"
    And nothing is left of the engine "chat/0"
    And the file "run/engines/chat-0.json" is gone
    And the newest operation of "chat" comes to be:
      | kind    | drain     |
      | state   | succeeded |
      | outcome | forced    |
    And the pool "chat" becomes drained
    And the daemon logs "drain.forced" for "chat/0" with:
      | level  | warn |
      | leases | 1    |
    And the daemon logs "lease.forced" for "chat/0" with:
      | holder | ann |
    And the metric 'poold_drain_forced_total{pool="chat"}' is 1
    And the metric 'poold_drain_duration_seconds_count{pool="chat"}' is 1
    And the metric 'poold_lease_ended_total{pool="chat",how="forced"}' is 1

  Scenario: A drain of what nobody uses is over at once, and once more it is so already
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 50ms
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When I run poolctl "drain chat --deadline 5m"
    Then it succeeds
    And it prints "drain chat: drained"
    And the pool "chat" becomes drained
    And the daemon logs "drain.started" for "chat" with:
      | level  | info |
      | leases | 0    |
    And nothing is left of the engine "chat/0"
    And nothing is left of the engine "chat/1"
    When I run poolctl "drain chat"
    Then it succeeds
    And the pool "chat" becomes drained
    When bob asks for a lease on "chat"
    Then it is refused with 503 pool_draining, saying "poolctl resume chat"
    When I run poolctl "start chat"
    Then it succeeds
    And the engines of "chat" become:
      | state | generation |
      | ready | 2          |
      | ready | 2          |
    And the pool "chat" has overrides.length 0

  Scenario: A drained pool is resumed
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I run poolctl "drain chat"
    Then the pool "chat" becomes drained
    When I run poolctl "resume chat"
    Then it succeeds
    And it prints "resume chat: resumed"
    And the engines of "chat" become:
      | state | generation |
      | ready | 2          |
    And the pool "chat" has overrides.length 0
    When ann takes a lease on "chat"
    And I run poolctl "resume chat"
    Then it succeeds
    And it prints "already so"

  Scenario: One engine is drained: no grants on it, the pool is degraded, and nothing comes in its place
    Given an engine that is restarted all the time, as a clock
    And the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 50ms
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When ann takes a lease on "chat"
    Then ann holds the lease on "chat/0"
    When I run poolctl "drain chat/0 --deadline 5m --no-wait --reason 'it hums'"
    Then the status of "chat" shows:
      | state                | degraded  |
      | ready                | true      |
      | slotsFree            | 1         |
      | engines.0.state      | draining  |
      | engines.1.state      | ready     |
      | overrides.0.key      | engines.0 |
      | overrides.0.value    | drained   |
      | overrides.0.reason   | it hums   |
    When bob takes a lease on "chat"
    Then bob holds the lease on "chat/1"
    When cid asks for a lease on "chat" without waiting
    Then it is refused with 503 no_free_slot
    When I run poolctl "start chat/0"
    Then it exits with 7
    And it complains "cannot start chat/0: it is draining; poolctl resume chat/0 takes the drain back"
    When ann releases the lease
    Then the newest operation of "chat" comes to be:
      | kind    | drain   |
      | outcome | drained |
    And the status of "chat" shows:
      | state            | degraded |
      | engines.0.state  | stopped  |
      | engines.0.reason | drained  |
    And "chat/0" stays at generation 1 for 5 ticks of it
    When cid asks for a lease on "chat" without waiting
    Then it is refused with 503 no_free_slot
    When I run poolctl "resume chat/0"
    Then it succeeds
    And the engine "chat/0" has generation 2
    And the pool "chat" becomes running
    And bob holds the lease on "chat/1"

  Scenario: Users that only the engine itself counts are waited for
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      inUse: { httpGet: { path: /metrics }, gauge: "demo:requests_processing", period: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When the engine "chat/0" is told "busy=2"
    And I run poolctl "drain chat --deadline 5m --no-wait"
    Then the engine "chat/0" comes to have inUse 2
    And the message of the engine "chat/0" is like "0 leases are held, its busy gauge says 2"
    And the engine "chat/0" becomes draining
    When the engine "chat/0" is told "busy=1"
    Then the engine "chat/0" comes to have inUse 1
    And the engine "chat/0" becomes draining
    When the engine "chat/0" is told "busy=0"
    Then the newest operation of "chat" comes to be:
      | outcome | drained |
    And the pool "chat" becomes drained

  Scenario: Users that only the engine counts are cut at the deadline too
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      inUse: { httpGet: { path: /metrics }, gauge: "demo:requests_processing", period: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When the engine "chat/0" is told "busy=2"
    And I run poolctl "drain chat --deadline 500ms"
    Then it exits with 4
    And it prints "drain chat: forced"
    And the pool "chat" becomes drained
    And nothing of "chat" was cut before the deadline

  Scenario: A second drain takes the shorter deadline
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I run poolctl "drain chat --deadline 10m --no-wait"
    And I run poolctl "drain chat --deadline 1h --no-wait"
    Then the message of the pool "chat" is like "at most (10m|9m\d+s) until they are cut$"
    When I run poolctl "drain chat --deadline 300ms"
    Then it exits with 4
    And the lease of ann has ended as forced, saying "its deadline has come"
    And every drain of "chat" has ended as forced

  Scenario: A second drain gives more time where it says so
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I run poolctl "drain chat --deadline 10m --no-wait"
    And I run poolctl "drain chat --deadline 1h --extend --no-wait"
    Then the message of the pool "chat" is like "at most (1h|59m\d+s) until they are cut$"
    When ann renews the lease
    Then the answer is 200 with:
      | draining | true |
    When ann releases the lease
    Then the pool "chat" becomes drained
    And every drain of "chat" has ended as drained

  Scenario: Resume calls a drain off: the same engine serves on, with the same leases
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      slots: 2
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And ann takes a lease on "chat"
    And I begin poolctl "drain chat --deadline 5m"
    Then the running poolctl complains "takes no new leases"
    When I run poolctl "resume chat"
    Then it succeeds
    And it prints "resume chat: resumed"
    And the running poolctl ends with code 7
    And the running poolctl complains "drain chat: cancelled"
    And the daemon logs "drain.finished" for "chat" with:
      | outcome | cancelled |
    And the pool "chat" becomes running
    And the pool "chat" has overrides.length 0
    And the pid of "chat/0" is still the same
    When ann renews the lease
    Then the answer is 200 with:
      | draining   | false |
      | deadlineAt | null  |
    When bob takes a lease on "chat"
    Then bob holds the lease on "chat/0"

  Scenario: A start during a drain is refused, and names what to say instead
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I run poolctl "drain chat --deadline 5m --no-wait"
    And I run poolctl "start chat"
    Then it exits with 7
    And it complains "cannot start chat: it is draining; poolctl resume chat takes the drain back"
    When I send POST "/v1/pools/chat/start":
      """
      {}
      """
    Then it is refused with 503 pool_draining
    And the pool "chat" becomes draining

  Scenario: A drain ends a start that is under way
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/listens-when.mjs, "${port}", DIR/never] }
      probes: { startup: { tcpSocket: {}, period: 50ms } }
      """
    When the daemon is started
    Then the engine "chat/0" writes "waiting"
    When I run poolctl "drain chat --deadline 5m"
    Then it succeeds
    And it prints "drain chat: drained"
    And the pool "chat" becomes drained
    And nothing is left of the engine "chat/0"
    And the pool "chat" has crashCount 0

  Scenario: Whoever follows a drain when the daemon dies is told how to follow it further
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I begin poolctl "drain chat --deadline 10m"
    Then the pool "chat" becomes draining
    When the daemon is killed with SIGKILL
    Then the running poolctl ends with code 6
    And the running poolctl complains "drain chat goes on when poold is there again: poolctl operations op-"

  Scenario: A drain goes on over the death of the daemon, and its deadline with it
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And ann takes a lease on "chat"
    And I run poolctl "drain chat --deadline 10m --no-wait --reason 'new disks'"
    And I note the deadline of the drain of "chat"
    And the daemon is killed with SIGKILL
    And the daemon is started again
    Then the status of "chat" shows:
      | state              | draining  |
      | engines.0.state    | draining  |
      | activeLeases       | 1         |
      | overrides.0.value  | drained   |
      | overrides.0.reason | new disks |
    And the pid of "chat/0" is still the same
    And the deadline of the drain of "chat" is still the same
    When ann renews the lease
    Then the answer is 200 with:
      | draining | true |
    When bob asks for a lease on "chat"
    Then it is refused with 503 pool_draining
    When ann releases the lease
    Then the pool "chat" becomes drained
    And the engine "chat/0" writes "heard TERM"
    And the newest operation of "chat" comes to be:
      | kind    | drain   |
      | outcome | drained |
      | reason  | new disks |

  Scenario: A deadline that passed while no daemon was there is kept first thing
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I run poolctl "drain chat --deadline 1500ms --no-wait"
    Then the pool "chat" becomes draining
    When I note the deadline of the drain of "chat"
    And the daemon is killed with SIGKILL
    And the noted deadline of the drain of "chat" has passed
    And the daemon is started again
    Then the lease of ann has ended as forced, saying "its deadline has come"
    And the pool "chat" becomes drained
    And the engine "chat/0" writes "heard TERM"
    And the daemon logs in this order:
      | drain.started  | chat   |
      | lease.forced   | chat/0 |
      | drain.forced   | chat/0 |
      | engine.exited  | chat/0 |
      | drain.finished | chat   |
    And the newest operation of "chat" comes to be:
      | kind    | drain  |
      | outcome | forced |
    And nothing is left of the engine "chat/0"

  Scenario: A drained pool stays drained over a restart of the daemon, and is shown with who, when and why
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I run poolctl "drain chat --reason 'new disks'"
    Then the pool "chat" becomes drained
    When the daemon gets SIGTERM and ends
    And the daemon is started again
    Then the status of "chat" shows:
      | state                 | drained                  |
      | draining              | true                     |
      | reason                | drained                  |
      | message               | /^drained by .+@notty \(claimed\) at 20.*Z: new disks; poolctl resume chat starts it$/ |
      | engines.0.state       | stopped                  |
      | overrides.0.key       | wanted                   |
      | overrides.0.value     | drained                  |
      | overrides.0.fileValue | running                  |
      | overrides.0.by        | /^.+@notty \(claimed\)$/ |
      | overrides.0.at        | /^20.*Z$/                |
      | overrides.0.reason    | new disks                |
    When I run poolctl "status chat"
    Then it prints "new disks"
    When I run poolctl "resume chat"
    Then the engine "chat/0" becomes ready
    And the engine "chat/0" has generation 2

  Scenario: Stop drains: with the pool's deadline, and nobody new
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      drain: { deadline: 5m }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I begin poolctl "stop chat"
    Then the running poolctl complains "chat/0 takes no new leases, 1 lease is held"
    When bob asks for a lease on "chat"
    Then it is refused with 503 pool_stopped
    And ann holds the lease on "chat/0"
    When ann releases the lease
    Then the running poolctl ends with code 0
    And the running poolctl prints "stop chat: stopped"
    And the pool "chat" becomes stopped

  Scenario: Stop cuts at the pool's deadline
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      drain: { deadline: 400ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I run poolctl "stop chat"
    Then it exits with 4
    And it complains "cut ann, who had held chat/0 for"
    And the lease of ann has ended as forced, saying "its deadline has come"
    And nothing of "chat" was cut before the deadline

  Scenario: Stop --now cuts at once
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      drain: { deadline: 5m }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I run poolctl "stop chat --now"
    Then it exits with 4
    And it prints "stop chat: forced"
    And the pool "chat" becomes stopped
    And the lease of ann has ended as revoked, saying "chat/0 was stopped at once"
    And the daemon logs "lease.revoked" for "chat/0" with:
      | holder | ann |
    And no "lease.forced" was logged for "chat/0"

  Scenario: Scale-down takes the engine that the fewest use, and waits for its users
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 3
      slots: 2
      readyAfter: 50ms
      drain: { deadline: 5m }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When ann takes a lease on "chat"
    And bob takes a lease on "chat"
    And cid takes a lease on "chat"
    And dan takes a lease on "chat"
    And eve takes a lease on "chat"
    Then ann holds the lease on "chat/0"
    And bob holds the lease on "chat/1"
    And cid holds the lease on "chat/2"
    And dan holds the lease on "chat/0"
    And eve holds the lease on "chat/1"
    When eve releases the lease
    And bob releases the lease
    And eve takes a lease on "chat"
    Then eve holds the lease on "chat/1"
    When ann releases the lease
    And fay takes a lease on "chat"
    Then fay holds the lease on "chat/0"
    When gus takes a lease on "chat"
    Then gus holds the lease on "chat/1"
    When I begin poolctl "scale chat 2"
    Then the running poolctl complains "chat/2 takes no new leases"
    And cid holds the lease on "chat/2"
    When hal asks for a lease on "chat" without waiting
    Then it is refused with 503 no_free_slot
    When cid releases the lease
    Then the running poolctl ends with code 0
    And the engines of "chat" become:
      | id     | state | activeLeases |
      | chat/0 | ready | 2            |
      | chat/1 | ready | 2            |
    When dan releases the lease
    And fay releases the lease
    And I run poolctl "scale chat 1"
    Then it succeeds
    And the engines of "chat" become:
      | id     | state | activeLeases | generation |
      | chat/1 | ready | 2            | 1          |

  Scenario: Everything is drained with --all
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    And the pool "embed":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the pool "chat" becomes running
    And the pool "embed" becomes running
    When ann takes a lease on "chat"
    And I begin poolctl "drain --all --deadline 5m"
    Then the pool "embed" becomes drained
    And the pool "chat" becomes draining
    When ann releases the lease
    Then the running poolctl ends with code 0
    And the running poolctl prints "drain chat: drained"
    And the running poolctl prints "drain embed: drained"
    And the pool "chat" becomes drained

  Scenario: Drains of several pools do not wait for each other, and the worst outcome counts
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      drain: { deadline: 5m }
      """
    And the pool "embed":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      drain: { deadline: 300ms }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    And the pool "embed" becomes running
    When ann takes a lease on "chat"
    And bob takes a lease on "embed"
    And I begin poolctl "drain --all"
    Then the pool "embed" becomes drained
    And the daemon logs "drain.finished" for "embed" with:
      | outcome | forced |
    And ann holds the lease on "chat/0"
    When ann releases the lease
    Then the running poolctl ends with code 4
    And the running poolctl prints "drain embed: forced"
    And the running poolctl prints "drain chat: drained"
    And the metric 'poold_drain_forced_total{pool="chat"}' is 0
    And the metric 'poold_drain_forced_total{pool="embed"}' is 1

  Scenario: Whoever waits for the end of a drain is told
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I run poolctl "wait chat --for drained --timeout 100ms"
    Then it exits with 5
    When ann takes a lease on "chat"
    And I run poolctl "drain chat --deadline 5m --no-wait"
    And I begin poolctl "wait chat --for drained"
    Then the running poolctl complains "chat: draining: drained by"
    When ann releases the lease
    Then the running poolctl ends with code 0
    And the running poolctl prints "chat: drained"

  Scenario: A drain shows how far it is, and is called off by its operation
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And ann takes a lease on "chat"
    And I run poolctl "drain chat --deadline 5m --no-wait"
    Then the newest operation of "chat" comes to be:
      | kind                | drain     |
      | state               | running   |
      | outcome             | null      |
      | progress.leasesLeft | 1         |
      | progress.deadlineAt | /^20.*Z$/ |
    When I look at the newest operation of "chat"
    Then it prints "1 lease left, deadline in"
    And it prints "chat/0 takes no new leases, 1 lease is held, at most until 20"
    When I cancel the running operation of "chat"
    Then it succeeds
    And the newest operation of "chat" comes to be:
      | kind    | drain     |
      | state   | cancelled |
      | outcome | cancelled |
    And the pool "chat" becomes running
    And the pid of "chat/0" is still the same
    When ann renews the lease
    Then the answer is 200 with:
      | draining | false |
    And the pool "chat" has overrides.length 0

  Scenario: A holder who lets its lease expire is not waited for
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      leases: { ttl: 400ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I run poolctl "lease acquire chat --holder ann"
    Then it succeeds
    When I run poolctl "drain chat --deadline 5m"
    Then it succeeds
    And it prints "drain chat: drained"
    And the daemon logs "lease.expired" for "chat/0" with:
      | holder | ann |

  Scenario: A command that runs under a lease is told of the drain, and goes on to its end
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I begin poolctl "lease exec chat --ttl 1s -- sh -c 'echo at work; until test -e DIR/enough; do sleep 0.05; done; echo all done'"
    Then the running poolctl prints "at work"
    When I run poolctl "drain chat --deadline 5m --no-wait"
    Then the running poolctl complains "chat/0 is draining: lease l-" once
    When the file "enough" is made
    Then the running poolctl ends with code 0
    And the running poolctl prints "all done"
    And the pool "chat" becomes drained
    And all leases of "chat" have ended as released

  Scenario: A command that runs beyond the deadline loses its lease
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I begin poolctl "lease exec chat --ttl 1s -- sh -c 'echo at work; exec sleep 1000'"
    Then the running poolctl prints "at work"
    When I run poolctl "drain chat --deadline 700ms"
    Then it exits with 4
    And the running poolctl ends with code 9
    And the running poolctl complains "it has ended (forced): chat/0 was drained, and its deadline has come; sh gets TERM"
    And all leases of "chat" have ended as forced
