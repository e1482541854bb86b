Feature: Starts that fail say why and leave nothing behind

  Scenario Outline: A command that cannot be run: <why>
    Given the file "model.gguf":
      """
      GGUF
      """
    And the file "script":
      """
      echo no interpreter is named here
      """
    And the file "script" may be executed
    And the pool "chat":
      """
      engine: { command: ["<command>"], port: PORT1 }
      restart: never
      """
    When the daemon is started
    Then the engine "chat/0" becomes failed
    And the pool "chat" becomes failed
    And the last end of "chat/0" was:
      | class    | spawn_failed |
      | code     | null         |
      | signal   | null         |
      | uptimeMs | 0            |
      | message  | <message>    |
    And the daemon logs "engine.exited" for "chat/0" with:
      | class      | spawn_failed |
      | failure    | true         |
      | crashCount | 1            |
    And nothing is left of the engine "chat/0"
    When I run poolctl "retry chat/0"
    Then it exits with 1
    And it complains "<command>"

    Examples:
      | why     | command        | message                                                                        |
      | ENOENT  | /nowhere/llama | cannot start chat/0: /nowhere/llama does not exist                             |
      | EACCES  | DIR/model.gguf | cannot start chat/0: DIR/model.gguf cannot be executed (EACCES): check its mode |
      | ENOEXEC | DIR/script     | cannot start chat/0: DIR/script is no program of this machine (ENOEXEC): a script needs a #! line |
      | no name | llama-none     | /^cannot start chat/0: llama-none is in none of the directories of PATH \(/    |

  Scenario: Failed starts give back their places, and other pools start beside them
    Given the pool "bad":
      """
      engine: { command: [/nowhere/llama] }
      replicas: 9
      restart: never
      """
    And the pool "good":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 6
      readyAfter: 50ms
      """
    When the daemon is started
    Then the pool "good" becomes running
    And the pool "bad" becomes failed
    And the pool "bad" has crashCount 9
    And the metric 'poold_engine_exits_total{pool="bad",replica="8",class="spawn_failed"}' is 1

  Scenario: An engine that ends before it was ready
    Given the pool "chat":
      """
      engine: { command: [ENGINES/dies-after.sh, "0", "3"], port: PORT1 }
      probes: { startup: { tcpSocket: {}, period: 50ms } }
      restart: never
      """
    When the daemon is started
    Then the engine "chat/0" becomes failed
    And the last end of "chat/0" was:
      | class   | error                                                   |
      | code    | 3                                                       |
      | signal  | null                                                    |
      | readyMs | null                                                    |
      | message | ended with exit code 3 before it was ready: last words  |
    And the message of the engine "chat/0" is like "before it was ready: last words; none is started any more \(restart: never\)"
    And no "engine.ready" was logged for "chat/0"
    And nothing is left of the engine "chat/0"

  Scenario: An engine that does not get ready in time is stopped, with all it has started
    Given the pool "chat":
      """
      engine: { command: [ENGINES/setsid-grandchild.sh], port: PORT1 }
      probes: { startup: { tcpSocket: {}, period: 50ms } }
      startTimeout: 300ms
      restart: never
      """
    When the daemon is started
    Then the engine "chat/0" becomes failed
    And the last end of "chat/0" was:
      | class   | start_timeout                                                   |
      | readyMs | null                                                            |
      | message | /^not ready in time: cannot connect to 127.0.0.1:PORT1: connect ECONNREFUSED/ |
    And nothing is left of the engine "chat/0"
    When I run poolctl "start chat"
    Then it exits with 1
    And it complains "not ready in time"

  Scenario: What prepare cannot do no engine is started for
    Given the pool "chat":
      """
      engine:
        command: [sleep, "1000"]
        prepare: { command: [sh, -c, 'echo "cannot fetch ${vars.model}" >&2; exit 22'] }
        vars: { model: a.gguf }
      restart: never
      """
    When the daemon is started
    Then the engine "chat/0" becomes failed
    And the last end of "chat/0" was:
      | class   | prepare_failed                                                                                       |
      | message | cannot prepare chat: its prepare command ended with code 22; it said: cannot fetch a.gguf             |
    And nothing is left of the engine "chat/0"

  Scenario: Prepare that takes too long fails the start
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"], prepare: { command: [sleep, "1000"], timeout: 100ms } }
      restart: never
      """
    When the daemon is started
    Then the engine "chat/0" becomes failed
    And the last end of "chat/0" was:
      | class   | prepare_failed                                                            |
      | message | cannot prepare chat: its prepare command did not end within 100 ms         |

  Scenario: Prepare runs once for a pool and its spec, however many engines start
    Given the pool "chat":
      """
      engine:
        command: [sleep, "1000"]
        prepare: { command: [sh, -c, 'echo "${vars.model}" >> DIR/fetched'] }
        vars: { model: a.gguf }
      replicas: 3
      readyAfter: 50ms
      backoff: { delay: 50ms }
      reload: { soak: 0s }
      """
    When the daemon is started
    Then the engines of "chat" become:
      | id     | state |
      | chat/0 | ready |
      | chat/1 | ready |
      | chat/2 | ready |
    When the engine "chat/2" is killed with SIGKILL
    Then the engine "chat/2" reaches generation 2
    And the engine "chat/2" becomes ready
    And the file "fetched" has 1 line
    When I run poolctl "restart chat"
    Then it succeeds
    And the file "fetched" has 1 line

  Scenario: A preflight that fails keeps the engine from starting, each time anew
    Given the pool "chat":
      """
      engine:
        command: [sleep, "1000"]
        preflight: { command: [sh, -c, 'echo asked >> DIR/asked; test -e DIR/licence || { echo no licence; exit 7; }'] }
      readyAfter: 50ms
      backoff: { delay: 50ms, limit: 50ms }
      # No breaker comes in between, however long the next step takes.
      breaker: { failureThreshold: 1000 }
      """
    When the daemon is started
    Then the file "asked" comes to 3 lines
    And the last end of "chat/0" was:
      | class   | prepare_failed                                                             |
      | message | cannot start chat/0: its preflight ended with code 7; it said: no licence   |
    When the file "licence" is made
    Then the engine "chat/0" becomes ready
    And the pool "chat" becomes running

  Scenario: A port held by a stranger: he is named, nothing is counted, and the engine starts when he has gone
    Given a stranger listens on port PORT1
    And the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"], port: PORT1 }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      """
    When the daemon is started
    Then the engine "chat/0" becomes backoff
    And the engine "chat/0" has reason port_busy
    And the message of the engine "chat/0" names the stranger on port PORT1
    And the engine "chat/0" has failures 0
    And the pool "chat" has crashCount 0
    And the daemon logs "engine.backoff" for "chat/0" with:
      | reason    | blocked |
      | backoffMs | 10000   |
    And nothing is left of the engine "chat/0"
    When the stranger goes away
    Then the engine "chat/0" becomes ready
    And the engine "chat/0" has generation 2
    And the pool "chat" has restartCount 0

  Scenario Outline: Surroundings that are not as they have to be: <what>
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"], <key>, port: PORT1 }
      restart: never
      """
    When the daemon is started
    Then the engine "chat/0" becomes failed
    And the last end of "chat/0" was:
      | class   | prepare_failed |
      | message | <message>      |
    And the pool "chat" has crashCount 1
    And nothing is left of the engine "chat/0"

    Examples:
      | what                     | key                                | message                                                                            |
      | no working directory     | workingDirectory: DIR/none         | cannot start chat/0: workingDirectory DIR/none does not exist                      |
      | a file for one           | workingDirectory: DIR/poold.yaml   | cannot start chat/0: workingDirectory DIR/poold.yaml is not a directory            |
      | no GPU                   | devices: ["997"]                   | /^cannot start chat/0: (there is no GPU \(\|device 997 is not there \()/            |
      | no such user             | user: nobody-we-know               | cannot start chat/0: there is no user nobody-we-know: make it, or change engine.user |
      | a secret that is missing | envFrom: { KEY: { file: DIR/none } } | cannot start chat/0: cannot read envFrom.KEY: DIR/none: ENOENT                   |
