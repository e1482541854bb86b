Feature: Engines outlive the daemon

  Background:
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      replicas: 3
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      backoff: { delay: 50ms }
      """

  Scenario: After SIGKILL of the daemon the next one goes on with the very same engines
    When the daemon is started
    Then the engines of "chat" become:
      | state |
      | ready |
      | ready |
      | ready |
    When I note the pid of "chat/0"
    And I note the pid of "chat/2"
    And the daemon is killed with SIGKILL
    Then the engine "chat/0" consists of 1 process
    When the daemon is started again
    Then the daemon has taken up 3 engines and found 0 ended
    And the engines of "chat" become:
      | state | generation | failures |
      | ready | 1          | 0        |
      | ready | 1          | 0        |
      | ready | 1          | 0        |
    And the pid of "chat/0" is still the same
    And the pid of "chat/2" is still the same
    And the engine "chat/0" consists of 1 process
    And the pool "chat" has crashCount 0
    And the file "run/engines/chat-0.pid" holds the pid of "chat/0"
    And the file "run/engines/chat-0.json" becomes JSON with generation 1
    When the engine "chat/0" is told "exit=5"
    Then the history of "chat" comes to:
      | engine | generation | class | code |
      | chat/0 | 1          | error | 5    |
    And the engine "chat/0" reaches generation 2
    When I run poolctl "stop chat"
    Then it succeeds
    And nothing is left of the engine "chat/0"
    And nothing is left of the engine "chat/2"

  Scenario: Whoever holds a lease keeps it by the same token, whoever waits has to ask again
    Given beside the pools the configuration says:
      """
      defaults: { leases: { ttl: 10m } }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When ann takes a lease on "chat"
    And bob takes a lease on "chat"
    And cid takes a lease on "chat"
    And dan takes a ticket of "chat"
    And eve waits for a lease on "chat"
    And I note the pid of "chat/0"
    And I note the pid of "chat/1"
    And I note the pid of "chat/2"
    And the daemon is killed with SIGKILL
    And the daemon is started again
    Then the daemon has taken up 3 engines and found 0 ended
    And the pid of "chat/0" is still the same
    And the pid of "chat/1" is still the same
    And the pid of "chat/2" is still the same
    And "chat" has granted 3 of 3 slots
    And nobody waits for "chat"
    When ann sends POST "/v1/leases/LEASE/verify":
      """
      {"token": "TOKEN"}
      """
    Then the answer is 200 with:
      | holder            | ann    |
      | engine.id         | chat/0 |
      | engine.generation | 1      |
    When bob renews the lease
    Then the answer is 200 with:
      | renewals | 1 |
    And cid holds the lease on "chat/2"
    When dan shows the ticket
    Then it is refused with 404 ticket_not_found, saying "tickets do not outlive a restart of the daemon"
    And the answer is 404 with:
      | retriable | true |
    When cid releases the lease
    And dan takes a lease on "chat"
    Then dan holds the lease on "chat/2"
    And the tokens of "ann, bob, cid, dan" rise in this order

  Scenario: How engines ended while no daemon was there is known all the same
    When the daemon is started
    Then the engines of "chat" become:
      | state |
      | ready |
      | ready |
      | ready |
    When the daemon is killed with SIGKILL
    And meanwhile the engine "chat/0" is told "exit=3"
    And meanwhile the engine "chat/1" is killed with SIGSEGV
    And the daemon is started again
    Then the daemon has taken up 1 engine and found 2 ended
    And the engines of "chat" become:
      | state | generation | failures | lastExit.class | lastExit.code | lastExit.signal |
      | ready | 2          | 1        | error          | 3             | null            |
      | ready | 2          | 1        | signal         | null          | SIGSEGV         |
      | ready | 1          | 0        | undefined      | undefined     | undefined       |
    And the pool "chat" has crashCount 2
    And the daemon logs "engine.exited" for "chat/0" with:
      | seen       | adoption |
      | exitCode   | 3        |
      | generation | 1        |

  Scenario: A launcher and an engine that both died while no daemon was there
    When the daemon is started
    Then the engine "chat/1" becomes ready
    When the launcher of "chat/1" is killed after the daemon
    And meanwhile the engine "chat/1" is killed with SIGKILL
    And the daemon is started again
    Then the history of "chat" comes to:
      | engine | class   | code | signal | failure |
      | chat/1 | unknown | null | null   | true    |
    And the engine "chat/1" reaches generation 2

  Scenario: What engines write while no daemon is there is in their log, every line of it
    Given the pool "tally":
      """
      engine: { command: [ENGINES/counts.sh] }
      readyAfter: 50ms
      backoff: { delay: 50ms }
      """
    When the daemon is started
    Then the engine "tally/0" becomes ready
    When the daemon is killed with SIGKILL
    And the engine "tally/0" has written 100 lines more
    And meanwhile the engine "tally/0" is killed with SIGKILL
    And the daemon is started again
    Then the engine "tally/0" reaches generation 2
    When I run poolctl "logs tally/0 --previous"
    Then it prints lines from 1 on without a gap, at least 100
    And it prints "--- generation 1 ended: SIGKILL ---"
    And the last line of "tally" in the history is the last of generation 1

  Scenario: What an engine had begun before the daemon died comes to its end with the next one
    Given the pool "slow":
      """
      engine: { command: [node, ENGINES/listens-when.mjs, "${port}", DIR/go] }
      probes: { startup: { tcpSocket: {}, period: 50ms } }
      """
    When the daemon is started
    Then the engine "slow/0" writes "waiting"
    And the engine "slow/0" becomes starting
    When I note the pid of "slow/0"
    And the daemon is killed with SIGKILL
    And the daemon is started again
    Then the engine "slow/0" becomes starting
    When the file "go" is made
    Then the engine "slow/0" becomes ready
    And the engine "slow/0" has generation 1
    And the pid of "slow/0" is still the same

  Scenario: A stop goes on although the daemon died over it
    Given the pool "stubborn":
      """
      engine: { command: [ENGINES/ignores-term.sh] }
      readyAfter: 50ms
      stop: { timeout: 1s }
      """
    When the daemon is started
    Then the engine "stubborn/0" becomes ready
    When I run poolctl "stop stubborn --no-wait"
    Then it succeeds
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the pool "stubborn" becomes stopped
    And the last end of "stubborn/0" was:
      | class  | requested |
      | signal | SIGKILL   |
    And nothing is left of the engine "stubborn/0"

  Scenario: Counts, rows and the back-off go on where they were
    Given the pool "bad":
      """
      engine: { command: [ENGINES/answers-in-turn.sh, DIR/started, "1"] }
      backoff: { delay: 1s, factor: 100, limit: 5m }
      """
    When the daemon is started
    Then the engines of "bad" become:
      | state   | generation | failures |
      | backoff | 2          | 2        |
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the engines of "bad" become:
      | state   | generation | failures | message                          |
      | backoff | 2          | 2        | /next start in 1m.*: back-off$/ |
    And the pool "bad" has crashCount 2
    And the pool "bad" has restartCount 1
    And the file "started" has 2 lines

  Scenario: An open breaker stays open
    Given the pool "bad":
      """
      engine: { command: [ENGINES/answers-in-turn.sh, DIR/started, "1"] }
      backoff: { delay: 50ms, factor: 1 }
      breaker: { failureThreshold: 3, openFor: 10m }
      """
    When the daemon is started
    Then the pool "bad" becomes failed
    And the status of "bad" shows:
      | reason           | breaker_open |
      | breaker.state    | open         |
      | breaker.failures | 3            |
      | crashCount       | 3            |
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the status of "bad" shows:
      | state             | failed                                               |
      | reason            | breaker_open                                         |
      | breaker.state     | open                                                 |
      | breaker.failures  | 3                                                    |
      | breaker.openUntil | /^20.*Z$/                                            |
      | crashCount        | 3                                                    |
      | message           | /^the breaker is open for another (9m\|10m)/         |
    And the file "started" has 3 lines
    When I run poolctl "start bad"
    Then it exits with 7
    And it complains "the breaker holds it back, it is open for another"

  Scenario: A changed configuration is for the next start; what runs goes on as it was started
    Given the pool "embed":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}", 127.0.0.1, old], version: v1 }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      backoff: { delay: 50ms }
      """
    When the daemon is started
    Then the engine "embed/0" becomes ready
    When I note the pid of "embed/0"
    And the daemon is killed with SIGKILL
    Given the pool "embed":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}", 127.0.0.1, new], version: v2 }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      backoff: { delay: 50ms }
      """
    When the daemon is started again
    Then the status of "embed" shows:
      | engineVersion      | v2    |
      | engines.0.state    | ready |
      | engines.0.outdated | true  |
      | engines.0.version  | v1    |
    And the pid of "embed/0" is still the same
    And the process of "embed/0" has the arguments "127.0.0.1 old"
    When I run poolctl "status embed"
    Then it prints "embed/0: runs by an older configuration; its next start uses the new one"
    When the engine "embed/0" is killed with SIGKILL
    Then the engine "embed/0" reaches generation 2
    And the engines of "embed" become:
      | state | generation | version | outdated |
      | ready | 2          | v2      | false    |
    And the process of "embed/0" has the arguments "127.0.0.1 new"
    And the history of "embed" comes to:
      | generation | version |
      | 1          | v1      |

  Scenario: Replicas that the file no longer wants are stopped
    When the daemon is started
    Then the engines of "chat" become:
      | state |
      | ready |
      | ready |
      | ready |
    When I note the pid of "chat/0"
    And the daemon is killed with SIGKILL
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      replicas: 1
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      """
    When the daemon is started again
    Then the engines of "chat" become:
      | id     | state | generation |
      | chat/0 | ready | 1          |
    And the pid of "chat/0" is still the same
    And nothing is left of the engine "chat/1"
    And nothing is left of the engine "chat/2"
    And the history of "chat/2" comes to:
      | class     | failure |
      | requested | false   |

  Scenario: A pool that is gone from the file runs on, looked after by its last spec, until the file has it again
    Given the pool "embed":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      backoff: { delay: 50ms }
      """
    When the daemon is started
    Then the engine "embed/0" becomes ready
    When I note the pid of "embed/0"
    And the daemon is killed with SIGKILL
    And the pool "embed" is taken out of the configuration
    And the daemon is started again
    Then the status of "embed" shows:
      | state    | running |
      | orphaned | true    |
    And the pid of "embed/0" is still the same
    When I run poolctl "status embed"
    Then it prints "orphaned    no longer in the configuration"
    When the engine "embed/0" is killed with SIGKILL
    Then the engine "embed/0" reaches generation 2
    And the engine "embed/0" becomes ready
    When I note the pid of "embed/0"
    And the daemon is killed with SIGKILL
    Given the pool "embed":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      backoff: { delay: 50ms }
      """
    When the daemon is started again
    Then the status of "embed" shows:
      | state    | running |
      | orphaned | false   |
    And the pid of "embed/0" is still the same

  Scenario Outline: A daemon that dies in the middle of a start leaves one engine, not two and not none: <place>
    Given the pool "embed":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    And the daemon runs with POOLD_FAILPOINT = "<place>"
    When the daemon is started
    Then the daemon dies of SIGKILL
    Given the daemon runs with POOLD_FAILPOINT = ""
    When the daemon is started again
    Then the engine "embed/0" becomes ready
    And the engine "embed/0" consists of 1 process
    And the engine "embed/0" has generation <generation>
    And the pool "embed" has crashCount 0
    And the pool "embed" has restartCount 0
    And the file "run/engines/embed-0.pid" holds the pid of "embed/0"

    Examples:
      | place         | generation |
      | spawn:before  | 2          |
      | launch:held   | 2          |
      | launch:forked | 1          |
      | launch:told   | 1          |
      | probe:before  | 1          |
      | file:written  | 1          |

  Scenario: A second daemon on the same directories says who is there, and changes nothing
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And a second daemon is started on the same directories
    Then it exits with 3
    And it complains of the daemon by its pid
    And it complains "stop it, or take other directories with --state-dir and --runtime-dir"
    And the pid of "chat/0" is still the same
    And the file "run/poold.pid" holds the pid of the daemon
    And the engine "chat/0" consists of 1 process

  Scenario: A damaged database is moved aside, and the engines that run are found again
    When the daemon is started
    Then the engines of "chat" become:
      | state |
      | ready |
      | ready |
      | ready |
    When I note the pid of "chat/0"
    And the daemon is killed with SIGKILL
    And the file "state/poold.db" is overwritten with rubbish
    And the daemon is started again
    Then the daemon says "the database DIR/state/poold.db was damaged"
    And the daemon says "an empty one is in its place"
    And the engines of "chat" become:
      | state |
      | ready |
      | ready |
      | ready |
    And the pid of "chat/0" is still the same
    And the engine "chat/0" consists of 1 process
    And a file like "state/poold.db.damaged-20" exists

  Scenario: What an engine that died meanwhile has left behind is ended
    Given the pool "messy":
      """
      engine: { command: [ENGINES/setsid-grandchild.sh] }
      readyAfter: 50ms
      restart: never
      """
    When the daemon is started
    Then the engine "messy/0" becomes ready
    And the engine "messy/0" consists of 2 processes
    When the daemon is killed with SIGKILL
    And meanwhile the engine "messy/0" is killed with SIGKILL
    Then the engine "messy/0" consists of 1 process
    When the daemon is started again
    Then the engine "messy/0" becomes failed
    And the last end of "messy/0" was:
      | class  | signal  |
      | signal | SIGKILL |
    And nothing is left of the engine "messy/0"

  Scenario: What was said by hand holds over the death of the daemon, until the file says something new of it
    Given the pool "embed":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "embed/0" becomes ready
    When I run poolctl "scale chat 1 --reason 'quiet night'"
    Then it succeeds
    When I run poolctl "stop embed --reason 'new model'"
    Then it succeeds
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the status of "chat" shows:
      | replicas              | 1           |
      | engines.length        | 1           |
      | overrides.length      | 1           |
      | overrides.0.fileValue | 3           |
      | overrides.0.reason    | quiet night |
    And the status of "embed" shows:
      | state              | stopped         |
      | reason             | stopped_by_hand |
      | overrides.0.reason | new model       |
    When the daemon is killed with SIGKILL
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      replicas: 2
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      """
    When the daemon is started again
    Then the engines of "chat" become:
      | state | generation |
      | ready | 1          |
      | ready | 2          |
    And the pool "chat" has overrides.length 0
    And the status of "embed" shows:
      | state              | stopped   |
      | overrides.0.reason | new model |
    And the engine "embed/0" has generation 1
