Feature: Status, health, history, operations, events and metrics

  Scenario: Every key of the contract is in the status of a pool
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"], version: v7 }
      replicas: 2
      slots: 4
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      backoff: { delay: 50ms }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When the engine "chat/0" is killed with SIGKILL
    Then the engine "chat/0" reaches generation 2
    And the engine "chat/0" becomes ready
    And the status of "chat" has the keys:
      | pool                         | text            |
      | state                        | text            |
      | reason                       | none            |
      | message                      | none            |
      | live                         | boolean         |
      | ready                        | boolean         |
      | draining                     | boolean         |
      | activeLeases                 | number          |
      | slotsTotal                   | number          |
      | slotsFree                    | number          |
      | queueDepth                   | number          |
      | engineVersion                | text            |
      | devices                      | none            |
      | restartCount                 | number          |
      | crashCount                   | number          |
      | breaker                      | map             |
      | breaker.state                | text            |
      | breaker.failures             | number          |
      | breaker.openUntil            | none            |
      | breaker.classes              | map             |
      | overrides                    | list            |
      | containment                  | text            |
      | lastError                    | text            |
      | engines                      | list            |
      | engines.0.id                 | text            |
      | engines.0.generation         | number          |
      | engines.0.role               | text            |
      | engines.0.state              | text            |
      | engines.0.reason             | none            |
      | engines.0.message            | none            |
      | engines.0.live               | boolean         |
      | engines.0.ready              | boolean         |
      | engines.0.pid                | number          |
      | engines.0.url                | text            |
      | engines.0.version            | text            |
      | engines.0.device             | none            |
      | engines.0.activeLeases       | number          |
      | engines.0.inUse              | none            |
      | engines.0.failures           | number          |
      | engines.0.breaker            | text            |
      | engines.0.startedAt          | time            |
      | engines.0.readyAt            | time            |
      | engines.0.nextStartAt        | none            |
      | engines.0.lastExit           | map             |
      | engines.0.lastExit.class     | text            |
      | engines.0.lastExit.code      | none            |
      | engines.0.lastExit.signal    | text            |
      | engines.0.lastExit.at        | time            |
      | engines.0.lastExit.uptimeMs  | number          |
      | engines.0.lastExit.readyMs   | number          |
      | engines.0.lastExit.message   | text            |
      | engines.1.lastExit           | none            |
    And the status of "chat" shows:
      | pool                      | chat                          |
      | state                     | running                       |
      | live                      | true                          |
      | ready                     | true                          |
      | draining                  | false                         |
      | activeLeases              | 0                             |
      | queueDepth                | 0                             |
      | slotsTotal                | 8                             |
      | slotsFree                 | 8                             |
      | engineVersion             | v7                            |
      | restartCount              | 1                             |
      | crashCount                | 1                             |
      | containment               | /^(cgroup\|weak)$/            |
      | lastError                 | chat/0: ended with SIGKILL    |
      | engines.0.role            | serving                       |
      | engines.0.url             | /^http:\/\/127\.0\.0\.1:\d+$/ |
      | engines.0.failures        | 1                             |
      | engines.0.lastExit.class  | signal                        |
      | engines.0.lastExit.signal | SIGKILL                       |

  Scenario: The states of a pool, from its first start to its stop
    Given the pool "chat":
      """
      engine: { command: [ENGINES/ignores-term.sh] }
      replicas: 2
      slots: 3
      probes: { startup: { exec: { command: [test, -e, "DIR/model-${replica}"] }, period: 30ms } }
      backoff: { delay: 1h, limit: 1h, jitter: 0 }
      stop: { timeout: 60s }
      """
    When the daemon is started
    Then the pool "chat" becomes starting
    And the status of "chat" shows:
      | ready     | false                                                             |
      | slotsFree | 0                                                                 |
      | reason    | /^(probing\|spawning\|queued\|preflight)$/                        |
      | message   | /^0 of 2 ready; chat\/0: /                                        |
    When the file "model-0" is made
    Then the pool "chat" becomes degraded
    And the status of "chat" shows:
      | ready     | true                                                              |
      | live      | true                                                              |
      | slotsFree | 3                                                                 |
      | reason    | probing                                                           |
      | message   | /^1 of 2 ready; chat\/1: waiting until it is ready, \S+ left; last probe: / |
    When the file "model-1" is made
    Then the pool "chat" becomes running
    And the status of "chat" shows:
      | reason    | null |
      | message   | null |
      | slotsFree | 6    |
    When the engine "chat/1" is killed with SIGKILL
    Then the pool "chat" becomes degraded
    And the status of "chat" shows:
      | reason  | backoff                                                                    |
      | message | /^1 of 2 ready; chat\/1: ended with SIGKILL; next start in (59m\S*\|1h): back-off$/ |
    When I run poolctl "stop chat --no-wait"
    Then it succeeds
    And the pool "chat" becomes draining
    And the status of "chat" shows:
      | ready             | false                           |
      | live              | true                            |
      | reason            | stopped_by_hand                 |
      | engines.0.state   | stopping                        |
      | engines.0.reason  | requested                       |
      | engines.0.message | /^KILL in \S+$/                 |
      | engines.1.state   | stopped                         |
    When the engine "chat/0" is killed with SIGKILL
    Then the pool "chat" becomes stopped
    And the status of "chat" shows:
      | live            | false   |
      | ready           | false   |
      | slotsFree       | 0       |
      | crashCount      | 1       |
      | engines.0.state | stopped |

  Scenario: A pool that nothing will start has failed
    Given the pool "once":
      """
      engine: { command: [ENGINES/dies-after.sh, "1", "9"] }
      probes: { startup: { logLine: { pattern: "^ready" } } }
      restart: never
      """
    When the daemon is started
    Then the pool "once" becomes failed
    And the status of "once" shows:
      | ready             | false                                                                                    |
      | reason            | error                                                                                    |
      | message           | /^0 of 1 ready; once\/0: ended with exit code 9: last words; none is started any more/ |
      | lastError         | once/0: ended with exit code 9: last words                                               |
      | engines.0.state   | failed                                                                                   |
      | engines.0.nextStartAt | null                                                                                 |
    And the daemon has logged "engine.failed" for "once/0" once with:
      | level        | error |
      | class        | error |
      | failureCount | 1     |
    And the metric 'poold_pool_engines{pool="once",state="failed"}' is 1
    And the metric 'poold_pool_ready{pool="once"}' is 0

  Scenario: Health and readiness of the daemon, of named pools, and for balancers
    Given the pool "quick":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    And the pool "slow":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      probes: { startup: { exec: { command: [test, -e, "DIR/model-${replica}"] }, period: 30ms } }
      """
    And the pool "off":
      """
      engine: { command: [sleep, "1000"] }
      autostart: false
      """
    When the daemon is started
    Then the pool "quick" becomes running
    And the pool "slow" becomes starting
    When I ask for "/health"
    Then the answer is 200 with:
      | status  | ok         |
      | version | /^\d+\.\d+/ |
    When I ask for "/ready"
    Then the answer is 200 with:
      | ready | true |
    When I ask for "/ready?pools=quick"
    Then the answer is 200
    When I ask for "/ready?pools=quick,slow"
    Then it is refused with 503 no_ready_engine, saying "slow is starting: 0 of 2 ready"
    When I ask for "/ready?pools=quick,other"
    Then it is refused with 404 pool_not_found
    When I ask for "/v1/pools/slow/ready"
    Then it is refused with 503 no_ready_engine
    When I ask for "/v1/pools/off/ready"
    Then it is refused with 503 pool_stopped
    When the file "model-0" is made
    Then the engine "slow/0" becomes ready
    When I ask for "/v1/pools/slow/ready"
    Then the answer is 200 with:
      | pool         | slow |
      | ready        | true |
      | readyEngines | 1    |
    When I ask for "/v1/pools/slow/ready?min=2"
    Then it is refused with 503 no_ready_engine, saying "1 of 2 engines ready"
    When the file "model-1" is made
    Then the engine "slow/1" becomes ready
    When I ask for "/v1/pools/slow/ready?min=2"
    Then the answer is 200 with:
      | readyEngines | 2 |
    When I ask for "/ready?pools=slow,quick"
    Then the answer is 200

  Scenario: A balancer is told when it may ask again
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      breaker: { failureThreshold: 1 }
      """
    When the daemon is started
    Then the pool "chat" becomes failed
    When I ask for "/v1/pools/chat/ready"
    Then it is refused with 503 breaker_open, saying "the breaker is open for another"
    And the answer has the header "retry-after" like "^(2\d\d|300)$"
    And the answer is 503 with:
      | retryAfterMs | /^2\d{5}(\.\d+)?$/ |
      | pool         | chat               |
      | reason       | breaker_open       |
      | retriable    | true               |

  Scenario: explain tells every rule with its numbers
    Given the engine "chat/1" fails with exit code 4, saying "no more disk"
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      replicas: 2
      probes: { startup: { logLine: { pattern: "^ready" } } }
      backoff: { delay: 10ms, limit: 10ms }
      breaker: { failureThreshold: 3 }
      restartLimit: { count: 20, window: 2m }
      storm: { count: 15, window: 1m }
      """
    When the daemon is started
    Then the breaker of "chat/1" becomes open
    And the explanation of "chat/1" comes to say "state" "^backoff, generation 3: failed 3 times in a row, last: .*no more disk; next start in .*: its own breaker is open$"
    And the explanation of "chat/1" comes to say "breaker" "^open; 3 of 3 failures that open it$"
    And the explanation of "chat/1" comes to say "backoff" "^3 failures in a row for the delay$"
    And the explanation of "chat/1" comes to say "lastExit" "^error at 20.*Z: ended with exit code 4 before it was ready: no more disk$"
    And the explanation of "chat" comes to say "limiter" "^2 of 20 restarts in the last 2m$"
    And the explanation of "chat" comes to say "storm" "^2 of 15 restarts in 1m"
    And the explanation of "chat" comes to say "wanted" "^running: 2 of 2 engines wanted$"
    And the explanation of "chat" comes to say "breaker" "^closed$"
    And the explanation of "chat/0" comes to say "breaker" "^closed; 0 of 3 failures"
    When I run poolctl "explain chat/1"
    Then it succeeds
    And it prints "3 of 3 failures that open it"

  Scenario: History keeps what ended, newest first, over a restart of the daemon
    Given the engine "chat/0" fails with exit code 3, saying "CUDA error: too hot"
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults], version: v2 }
      replicas: 2
      probes: { startup: { logLine: { pattern: "^ready" } } }
      crashPatterns: [{ pattern: "CUDA error", class: gpu }]
      backoff: { delay: 10ms, limit: 10ms }
      breaker: { failureThreshold: 2 }
      """
    When the daemon is started
    Then the breaker of "chat/0" becomes open
    And the engine "chat/1" becomes ready
    When I run poolctl "stop chat/1"
    Then it succeeds
    And the history of "chat" comes to:
      | engine | generation | class     | code | failure | version | matchedLine         |
      | chat/1 | 1          | requested | null | false   | v2      | null                |
      | chat/0 | 2          | gpu       | 3    | true    | v2      | CUDA error: too hot |
      | chat/0 | 1          | gpu       | 3    | true    | v2      | CUDA error: too hot |
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the history of "chat/0" comes to:
      | engine | generation | class | lastLines.0         | startedAt | at      | uptimeMs | readyMs |
      | chat/0 | 2          | gpu   | CUDA error: too hot | /^20.*Z$/ | /^20.*Z$/ | /^\d+$/  | null    |
      | chat/0 | 1          | gpu   | CUDA error: too hot | /^20.*Z$/ | /^20.*Z$/ | /^\d+$/  | null    |
    When I run poolctl "history chat --since 1ms"
    Then it succeeds
    And it does not print "chat/0"

  Scenario: Operations have steps, an outcome, who asked and why, and are kept
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 50ms
      reload: { strategy: rolling, maxSurge: 0, maxUnavailable: 1, soak: 0s }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When I run poolctl "restart chat --reason 'new driver'"
    Then it succeeds
    And it prints "restart chat: restarted"
    And it complains "chat: starting chat/1"
    And the newest operation of "chat" comes to be:
      | id        | /^op-[0-9a-f]{12}$/     |
      | kind      | restart                 |
      | pool      | chat                    |
      | state     | succeeded               |
      | outcome   | restarted               |
      | by        | /^.+@notty \(claimed\)$/ |
      | reason    | new driver              |
      | error     | null                    |
      | startedAt | /^20.*Z$/               |
      | endedAt   | /^20.*Z$/               |
      | progress.leasesLeft | 0             |
      | progress.deadlineAt | null          |
    And the steps of the newest operation of "chat" are like:
      | /^restart chat asked by .*: new driver$/ |
      | chat/0 takes no new leases               |
      | stopping chat/0                          |
      | /^chat\/0 has ended: stopped as asked/   |
      | starting chat/0                          |
      | chat/0 is ready                          |
      | the new chat/0 has proved itself         |
      | chat/0 is served by generation 2         |
      | chat/1 takes no new leases               |
      | stopping chat/1                          |
      | /^chat\/1 has ended: stopped as asked/   |
      | starting chat/1                          |
      | chat/1 is ready                          |
      | the new chat/1 has proved itself         |
      | chat/1 is served by generation 2         |
    And the engines of "chat" become:
      | generation | state |
      | 2          | ready |
      | 2          | ready |
    And the daemon logs "operation.finished" for "chat" with:
      | kind    | restart    |
      | outcome | restarted  |
      | reason  | new driver |
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the newest operation of "chat" comes to be:
      | kind    | restart    |
      | outcome | restarted  |
      | reason  | new driver |
    When I run poolctl "operations"
    Then it succeeds
    And it prints "new driver"

  Scenario: An operation that is not waited for goes on; a restart can be cancelled half way
    Given the file "model" is made
    And the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      probes: { startup: { exec: { command: [test, -e, DIR/model] }, period: 30ms } }
      reload: { strategy: rolling, maxSurge: 0, maxUnavailable: 1, soak: 0s }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When I note the pid of "chat/1"
    And the file "model" is removed
    And I run poolctl "restart chat --no-wait"
    Then it succeeds
    And it prints "restart chat: begun; poolctl operations op-"
    And the candidate of "chat/0" becomes starting
    When I cancel the running operation of "chat"
    Then it succeeds
    When the file "model" is made
    Then the newest operation of "chat" comes to be:
      | kind  | restart   |
      | state | cancelled |
      | error.code | conflict |
    When I ask to cancel the newest operation of "chat"
    Then it is refused with 409 conflict, saying "it is over"
    And the answer is 409 with:
      | retriable | false |
    And the pool "chat" becomes running
    And the engine "chat/0" has generation 3
    And the engine "chat/1" has generation 1
    And the pid of "chat/1" is still the same

  Scenario: An operation that fails says why, and exits with 1; one that needs too long with 5
    Given the file "model" is made
    And the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      startTimeout: 1s
      probes: { startup: { exec: { command: [test, -e, DIR/model] }, period: 30ms } }
      reload: { soak: 0s }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When the file "model" is removed
    And I run poolctl "restart chat"
    Then it exits with 1
    And the newest operation of "chat" comes to be:
      | kind       | restart       |
      | state      | failed        |
      | outcome    | failed        |
      | error.code | start_timeout |
    When I run poolctl "wait chat --for stopped --timeout 100ms"
    Then it exits with 5
    When I send POST "/v1/pools/chat/scale?wait=10s":
      """
      { "replicas": 1, "reason": "no change" }
      """
    Then the answer is 200 with:
      | kind    | scale     |
      | outcome | scaled    |
      | reason  | no change |
      | by      | socket (claimed) |

  Scenario: Events are streamed as they happen, and a follower that comes back misses nothing
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      backoff: { delay: 50ms, limit: 50ms, jitter: 0 }
      """
    And the pool "other":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the pool "chat" becomes running
    And the pool "other" becomes running
    When I note the newest cursor
    And I follow the events of "chat" from there
    And the engine "chat/0" is killed with SIGKILL
    Then I am told in this order:
      | engine.exited   | chat/0 | class    | signal   |
      | engine.backoff  | chat/0 | delayMs  | 50       |
      | engine.starting | chat/0 | cause    | restart  |
      | engine.ready    | chat/0 | generation | 2      |
      | pool.state      |        | newState | running  |
    When I ask for what happened since the noted cursor
    Then it begins right behind the cursor and has no gaps
    When I note the newest cursor
    And the daemon is killed with SIGKILL
    And the daemon is started again
    Then the engine "chat/0" becomes ready
    When I ask for what happened since the noted cursor
    Then it begins with a reset to a later epoch that shows "chat" as running
    When I run poolctl "events --type daemon --output json"
    Then it succeeds
    And it prints "daemon.adopted"
    And it does not print "engine."

  Scenario: An engine's own count of its users is shown, and asked anew by the next daemon
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      inUse: { gauge: "demo:requests_processing", period: 50ms }
      """
    And the pool "blind":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      inUse: { gauge: "demo:requests_running", period: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And the engine "chat/0" comes to have inUse 0
    When the engine "chat/0" is told "busy=3"
    Then the engine "chat/0" comes to have inUse 3
    When the engine "blind/0" becomes ready
    Then the metric 'poold_probe_failures_total{pool="blind",replica="0",probe="inUse"}' is at least 4
    And the engine "blind/0" has inUse null
    And the engine "blind/0" has state ready
    When the daemon is killed with SIGKILL
    And meanwhile the engine "chat/0" is told "busy=5"
    And the daemon is started again
    Then the engine "chat/0" comes to have inUse 5
    And the engine "chat/0" has generation 1

  Scenario: The metrics of the contract are there, well formed, and fed
    Given the engine "chat/1" fails with exit code 1, saying "hello"
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      replicas: 2
      slots: 2
      probes: { startup: { logLine: { pattern: "^ready" } } }
      backoff: { delay: 10ms, limit: 10ms }
      breaker: { failureThreshold: 3, openFor: 1h }
      storm: { count: 4 }
      """
    And the pool "asked":
      """
      engine: { command: [sleep, "1000"] }
      probes: { startup: { exec: { command: [test, -e, DIR/model] }, period: 30ms } }
      """
    When the daemon is started
    Then the breaker of "chat/1" becomes open
    When the engine "chat/0" is killed 2 times when it is ready
    Then the breaker of "chat" becomes open
    And the engine "chat/0" becomes ready
    And the metric 'poold_probe_failures_total{pool="asked",replica="0",probe="startup"}' is at least 1
    And the metric 'poold_log_bytes_total{pool="chat",replica="1"}' is at least 18
    And the metrics page has:
      | metric                        | labels                           | at least |
      | build_info                    | version                          | 1        |
      | config_ok                     | none                             | 1        |
      | storage_full                  | none                             | 0        |
      | pool_ready                    | pool                             | 1        |
      | pool_wanted_engines           | pool                             | 3        |
      | pool_engines                  | pool state                       | 3        |
      | pool_slots                    | pool state                       | 7        |
      | pool_active_leases            | pool                             | 0        |
      | pool_queue_depth              | pool                             | 0        |
      | engine_up                     | pool replica                     | 1        |
      | engine_starts_total           | pool replica                     | 7        |
      | engine_restarts_total         | pool reason replica              | 4        |
      | engine_exits_total            | class pool replica               | 5        |
      | engine_start_duration_seconds | pool replica                     | 3        |
      | engine_starting_seconds       | pool replica                     | 0        |
      | engine_stuck                  | pool replica                     | 0        |
      | missed_exit_total             | pool replica                     | 0        |
      | backoff_delay_seconds         | pool reason                      | 5        |
      | restart_scheduled_total       | pool reason replica              | 5        |
      | restart_rate                  | pool                             | 0.06     |
      | restart_storm_total           | class pool                       | 1        |
      | breaker_state                 | class pool, class pool replica   | 2        |
      | breaker_open_total            | class pool, class pool replica   | 2        |
      | log_bytes_total               | pool replica                     | 18       |
      | log_dropped_bytes_total       | pool replica                     | 0        |
      | probe_failures_total          | pool probe replica               | 1        |
      | event_loop_lag_seconds        | none                             | 0        |
      | http_request_duration_seconds | route status                     | 1        |
      | process_cpu_seconds_total     | none                             | 0        |
      | process_resident_memory_bytes | none                             | 1        |
      | process_open_fds              | none                             | 1        |
      | process_start_time_seconds    | none                             | 1        |

  Scenario: The API describes itself
    When the daemon is started
    And I ask for "/openapi.json"
    Then the answer is 200 with:
      | openapi    | /^3\.1\./ |
      | info.title | poold     |
    And it describes these routes, and no others:
      | GET    | /health                                    |
      | GET    | /ready                                     |
      | GET    | /metrics                                   |
      | GET    | /openapi.json                              |
      | GET    | /v1/pools                                  |
      | GET    | /v1/pools/{pool}                           |
      | GET    | /v1/pools/{pool}/status                    |
      | GET    | /v1/pools/{pool}/ready                     |
      | GET    | /v1/pools/{pool}/explain                   |
      | GET    | /v1/pools/{pool}/history                   |
      | GET    | /v1/pools/{pool}/logs                      |
      | GET    | /v1/pools/{pool}/queue                     |
      | POST   | /v1/pools/{pool}/start                     |
      | POST   | /v1/pools/{pool}/stop                      |
      | POST   | /v1/pools/{pool}/restart                   |
      | POST   | /v1/pools/{pool}/drain                     |
      | POST   | /v1/pools/{pool}/pause                     |
      | POST   | /v1/pools/{pool}/resume                    |
      | POST   | /v1/pools/{pool}/reload                    |
      | POST   | /v1/pools/{pool}/retry                     |
      | POST   | /v1/pools/{pool}/reset                     |
      | POST   | /v1/pools/{pool}/scale                     |
      | POST   | /v1/pools/{pool}/leases                    |
      | POST   | /v1/pools/{pool}/engines/{replica}/start   |
      | POST   | /v1/pools/{pool}/engines/{replica}/stop    |
      | POST   | /v1/pools/{pool}/engines/{replica}/restart |
      | POST   | /v1/pools/{pool}/engines/{replica}/drain   |
      | POST   | /v1/pools/{pool}/engines/{replica}/pause   |
      | POST   | /v1/pools/{pool}/engines/{replica}/resume  |
      | POST   | /v1/pools/{pool}/engines/{replica}/retry   |
      | POST   | /v1/pools/{pool}/engines/{replica}/signal  |
      | GET    | /v1/leases                                 |
      | GET    | /v1/leases/{id}                            |
      | DELETE | /v1/leases/{id}                            |
      | POST   | /v1/leases/{id}/renew                      |
      | POST   | /v1/leases/{id}/attach                     |
      | POST   | /v1/leases/{id}/verify                     |
      | POST   | /v1/leases/{id}/revoke                     |
      | GET    | /v1/tickets/{id}                           |
      | DELETE | /v1/tickets/{id}                           |
      | GET    | /v1/operations                             |
      | GET    | /v1/operations/{id}                        |
      | DELETE | /v1/operations/{id}                        |
      | GET    | /v1/events                                 |
      | POST   | /v1/shutdown                               |
