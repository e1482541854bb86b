Feature: Starting engines and the gate to ready

  Scenario: An engine without probes is ready once it has lived for readyAfter
    Given the pool "plain":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 100ms
      """
    When the daemon is started
    Then the engine "plain/0" becomes ready
    And the pool "plain" becomes running
    And the engine "plain/0" has generation 1
    And the file "run/engines/plain-0.pid" holds the pid of "plain/0"

  Scenario: An engine is not ready before its startup probe succeeds
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/slow-ready.mjs, "${port}", "100", "400"] }
      probes: { startup: { httpGet: { path: / }, period: 50ms } }
      """
    When the daemon is started
    Then the engine "chat/0" becomes starting
    And the pool "chat" becomes starting
    And the engine "chat/0" becomes ready
    And the daemon logs "engine.ready" for "chat/0"

  Scenario Outline: A startup probe by <probe> holds the gate until it is content
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/listens-when.mjs, "${port}", DIR/go] }
      probes: { startup: { <probe>, period: 50ms } }
      """
    When the daemon is started
    Then the engine "chat/0" writes "waiting"
    And the engine "chat/0" becomes starting
    And the message of the engine "chat/0" is like "^waiting until it is ready, .* left"
    And no "engine.ready" was logged for "chat/0"
    When the file "go" is made
    Then the engine "chat/0" becomes ready
    And the engine "chat/0" has generation 1

    Examples:
      | probe                                     |
      | httpGet: { path: /health }                |
      | tcpSocket: {}                             |
      | exec: { command: [test, -e, DIR/go] }     |
      | logLine: { pattern: "^model lo[a-z]+$" }  |

  Scenario: A started engine still has to be found ready
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      probes:
        startup: { exec: { command: [test, -e, DIR/started] }, period: 50ms }
        readiness: { exec: { command: [ENGINES/answers-in-turn.sh, DIR/asked, "1", "1", "1", "0"] }, period: 50ms }
      """
    And the file "started" is made
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And the file "asked" comes to 4 lines
    And the daemon has logged "engine.ready" for "chat/0" 1 time

  Scenario: Thresholds keep single answers from turning an engine back and forth
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      probes:
        readiness:
          exec: { command: [ENGINES/answers-in-turn.sh, DIR/asked, "1", "0", "1", "0", "0", "1", "1", "0", "0", "1", "1", "1", "0", "1", "1", "1", "0", "0"] }
          period: 50ms
          successThreshold: 2
          failureThreshold: 3
      """
    When the daemon is started
    Then the file "asked" comes to 19 lines
    And the engine "chat/0" becomes ready
    And the daemon has logged "engine.ready" for "chat/0" 2 times
    And the daemon has logged "engine.unready" for "chat/0" 1 time
    And the engine "chat/0" has generation 1

  Scenario: An engine that is not ready for a while keeps its process and serves again
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      probes: { readiness: { httpGet: { path: /health }, period: 50ms, failureThreshold: 2 } }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And the engine "chat/0" is told "status=503"
    Then the engine "chat/0" becomes unready
    And the message of the engine "chat/0" is like "its readiness probe fails; last probe: .*/health answered 503"
    And the pool "chat" becomes degraded
    And the pool "chat" has ready false
    And the pool "chat" has slotsFree 0
    When the engine "chat/0" is told "status=200"
    Then the engine "chat/0" becomes ready
    And the pid of "chat/0" is still the same
    And the pool "chat" has crashCount 0

  Scenario: A pool that does not start by itself waits for a person
    Given the pool "chat":
      """
      autostart: false
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the pool "chat" becomes stopped
    And the pool "chat" has reason autostart_off
    And the message of the pool "chat" is like "autostart is off; poolctl start chat starts it"
    When I run poolctl "start chat --reason 'the night shift'"
    Then it succeeds
    And it prints "start chat: started"
    And the pool "chat" becomes running
    And the status of "chat" shows:
      | overrides.0.key       | wanted                  |
      | overrides.0.value     | running                 |
      | overrides.0.fileValue | stopped                 |
      | overrides.0.by        | /^.+@notty \(claimed\)$/ |
      | overrides.0.reason    | the night shift         |
    When I run poolctl "start chat"
    Then it succeeds
    And it prints "already so"

  Scenario: Engines get ports of their own and keep them
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"], port: [PORT1, PORT3] }
      replicas: 2
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      backoff: { delay: 50ms }
      """
    And the pool "fixed":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"], port: PORT4 }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      """
    And the pool "auto":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      replicas: 2
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      """
    And beside the pools the configuration says:
      """
      ports: [PORT5, PORT6]
      """
    When the daemon is started
    Then the engines of "chat" become:
      | id     | state | url                    |
      | chat/0 | ready | http://127.0.0.1:PORT1 |
      | chat/1 | ready | http://127.0.0.1:PORT2 |
    And the engines of "fixed" become:
      | id      | state | url                    |
      | fixed/0 | ready | http://127.0.0.1:PORT4 |
    And the engines of "auto" become:
      | id     | state | url                                             |
      | auto/0 | ready | /^http:\/\/127.0.0.1:(PORT5\|PORT6)$/           |
      | auto/1 | ready | /^http:\/\/127.0.0.1:(PORT5\|PORT6)$/           |
    When the engine "chat/1" is killed with SIGKILL
    Then the engines of "chat" become:
      | id     | state | generation | url                    |
      | chat/0 | ready | 1          | http://127.0.0.1:PORT1 |
      | chat/1 | ready | 2          | http://127.0.0.1:PORT2 |

  Scenario: Auto goes past a port on which a stranger sits
    Given a stranger listens on port PORT1
    And beside the pools the configuration says:
      """
      ports: [PORT1, PORT2]
      """
    And the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      """
    When the daemon is started
    Then the engines of "chat" become:
      | state | generation | url                    |
      | ready | 1          | http://127.0.0.1:PORT2 |

  Scenario: A pool does not wait for another
    Given the pool "slow":
      """
      engine: { command: [node, ENGINES/listens-when.mjs, "${port}", DIR/go] }
      probes: { startup: { tcpSocket: {}, period: 50ms } }
      """
    And the pool "quick":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the pool "quick" becomes running
    And the pool "slow" becomes starting
    When I run poolctl "wait quick --for ready"
    Then it succeeds
    When I run poolctl "--timeout 100ms wait slow --for ready"
    Then it exits with 5
    When the file "go" is made
    And I run poolctl "wait slow --for ready"
    Then it succeeds
    And it prints "slow: running"

  Scenario: The environment of an engine is the contract's and nothing else
    Given the daemon runs with LANG = "C.UTF-8"
    And the daemon runs with TZ = "UTC"
    And the daemon runs with AWS_SECRET_ACCESS_KEY = "of the daemon"
    And the file "token":
      """
      of the engine
      """
    And the pool "chat":
      """
      engine:
        command: [sleep, "1000"]
        env: { MODEL: "${vars.model}", WHO: "${pool}/${replica} ${generation} ${slots}" }
        envFrom: { HF_TOKEN: { file: DIR/token } }
        vars: { model: /models/a.gguf }
        devices: ["0", "0,1"]
        requireGpu: false
      replicas: 2
      slots: 3
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/1" becomes ready
    And the environment of "chat/1" is exactly:
      | PATH                 | /^\/.*bin/             |
      | HOME                 | DIR                    |
      | LANG                 | C.UTF-8                |
      | TZ                   | UTC                    |
      | TMPDIR               | DIR/state/tmp/chat-1   |
      | MODEL                | /models/a.gguf         |
      | WHO                  | chat/1 1 3             |
      | HF_TOKEN             | of the engine          |
      | CUDA_VISIBLE_DEVICES | 0,1                    |
      | CUDA_DEVICE_ORDER    | PCI_BUS_ID             |
      | ROCR_VISIBLE_DEVICES | 0,1                    |
      | POOLD_POOL           | chat                   |
      | POOLD_REPLICA        | 1                      |
      | POOLD_GENERATION     | 1                      |
      | POOLD_INSTANCE       | /^[0-9a-f]+-chat-1-1$/ |

  Scenario: The command is an argv with its templates filled in, and no shell reads it
    Given the pool "chat":
      """
      engine:
        command: [sh, -c, 'printf "%s|" "$@"; exec sleep 1000', --, "${vars.model}", "${pool}", "${replica}", "${slots}", "$HOME; echo `id` $(id) 'x'"]
        vars: { model: "/models/a b.gguf" }
      slots: 4
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" writes "/models/a b.gguf|chat|0|4|$HOME; echo `id` $(id) 'x'|"

  Scenario: A port that a pool names is never given to another, also while that pool is stopped
    Given beside the pools the configuration says:
      """
      ports: [PORT1, PORT4]
      """
    And the pool "named":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"], port: PORT1 }
      autostart: false
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      """
    And the pool "ranged":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"], port: [PORT2, PORT3] }
      autostart: false
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      """
    And the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And the engines of "chat" become:
      | state | url                    |
      | ready | http://127.0.0.1:PORT4 |
    When I run poolctl "start named"
    Then it succeeds
    And the engines of "named" become:
      | state | url                    |
      | ready | http://127.0.0.1:PORT1 |
