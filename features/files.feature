Feature: Files that tell others of engines, and their logs

  Scenario: A ready engine has a pid file and a handoff file, with the secrets left out
    Given the pool "chat":
      """
      engine:
        command: [node, ENGINES/http-engine.mjs, "${port}", "${host}", --model, "${vars.model}", --api-key, s3cret-one, --hf-token=s3cret-two]
        vars: { model: /models/a.gguf }
        version: v7
        devices: ["0,1"]
        requireGpu: false
        port: PORT1
        advertise: "http://gpu1.internal:${port}/v1"
        envFrom: { KEY: { file: DIR/secret } }
      slots: 4
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      """
    And the file "secret":
      """
      s3cret-three
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And the file "run/engines/chat-0.pid" holds the pid of "chat/0"
    And the file "run/engines/chat-0.json" becomes JSON of exactly:
      | pool       | chat                                                                                                                 |
      | replica    | 0                                                                                                                    |
      | generation | 1                                                                                                                    |
      | engine     | chat/0                                                                                                               |
      | pid        | /^\d+$/                                                                                                              |
      | url        | http://gpu1.internal:PORT1/v1                                                                                        |
      | version    | v7                                                                                                                   |
      | model      | /models/a.gguf                                                                                                       |
      | devices    | 0,1                                                                                                                  |
      | slots      | 4                                                                                                                    |
      | command    | node ENGINES/http-engine.mjs PORT1 127.0.0.1 --model /models/a.gguf --api-key *** --hf-token=***                     |
    And the file "run/engines/chat-0.json" does not say "s3cret"
    And the file "run/engines/chat-0.json" has mode 0640
    And the file "run/engines/chat-0.pid" has mode 0640
    And the file "run/api.sock" has mode 0660
    And the process of "chat/0" has the arguments "--api-key s3cret-one"

  Scenario: The handoff file comes when the engine is ready, not before
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      probes: { startup: { exec: { command: [test, -e, DIR/go] }, period: 50ms } }
      """
    When the daemon is started
    Then the engine "chat/0" becomes starting
    And the file "run/engines/chat-0.pid" comes to 1 lines
    And the file "run/engines/chat-0.json" is gone
    When the file "go" is made
    Then the engine "chat/0" becomes ready
    And the file "run/engines/chat-0.json" becomes JSON with generation 1

  Scenario: The next generation replaces the files of the one before
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      backoff: { delay: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And the engine "chat/0" is killed with SIGKILL
    Then the engine "chat/0" reaches generation 2
    And the engine "chat/0" becomes ready
    And the pid of "chat/0" is another
    And the file "run/engines/chat-0.json" becomes JSON with generation 2
    And the file "run/engines/chat-0.pid" holds the pid of "chat/0"

  Scenario: Files of a stopped engine are gone
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And the engine "chat/1" becomes ready
    And the file "run/engines/chat-1.json" exists
    When I run poolctl "stop chat/1"
    Then it succeeds
    And nothing is left of the engine "chat/1"
    And the file "run/engines/chat-0.json" exists
    And the file "run/engines/chat-0.pid" exists

  Scenario: Output and errors of an engine are in its log, and poolctl shows them by generation
    Given the file "engine.sh":
      """
      echo "this is life $POOLD_GENERATION"
      echo "on the other channel" >&2
      [ "$POOLD_GENERATION" = 3 ] && exec sleep 1000
      exit "$POOLD_GENERATION"
      """
    And the pool "chat":
      """
      engine: { command: [sh, DIR/engine.sh] }
      readyAfter: 10s
      backoff: { delay: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" writes "this is life 3"
    And the file "state/logs/chat-0.log" has mode 0640
    When I run poolctl "logs chat --tail all"
    Then it succeeds
    And it prints exactly:
      """
      --- generation 1 started ---
      this is life 1
      on the other channel
      --- generation 1 ended: exit code 1 ---
      --- generation 2 started ---
      this is life 2
      on the other channel
      --- generation 2 ended: exit code 2 ---
      --- generation 3 started ---
      this is life 3
      on the other channel
      """
    When I run poolctl "logs chat/0 --previous"
    Then it prints exactly:
      """
      --- generation 2 started ---
      this is life 2
      on the other channel
      --- generation 2 ended: exit code 2 ---
      """
    When I run poolctl "logs chat/0 --generation 1"
    Then it prints "this is life 1"
    And it does not print "this is life 2"
    When I run poolctl "logs chat/0 --tail 1"
    Then it prints exactly:
      """
      on the other channel
      """

  Scenario: Escapes in a log do nothing to the terminal of whoever reads it
    Given the pool "chat":
      """
      engine: { command: [sh, -c, 'printf "\033[2J\033]0;owned\007 red \033[31mtext\r over\n"; exec sleep 1000'] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" writes "over"
    When I run poolctl "logs chat/0"
    Then it succeeds
    And it prints no control characters
    And it prints '\x1b[2J\x1b]0;owned\x07 red \x1b[31mtext\x0d over'

  Scenario: A log is followed over the end of a generation
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      backoff: { delay: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I begin poolctl "logs chat -f"
    Then the running poolctl prints "listening"
    When the engine "chat/0" is killed with SIGKILL
    Then the running poolctl prints "--- generation 1 ended: SIGKILL ---"
    And the running poolctl prints "--- generation 2 started ---"

  Scenario: A log of many lines comes whole, and its end alone when that is asked for
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/floods-log.mjs, "20000", "100"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" writes "line 20000 "
    When I run poolctl "logs chat/0 --tail all"
    Then it prints the lines 1 to 20000 without a gap
    When I run poolctl "logs chat/0"
    Then it prints the lines 19901 to 20000 without a gap
    When I run poolctl "logs chat/0 --tail 3"
    Then it prints the lines 19998 to 20000 without a gap

  Scenario: An unknown engine has no log
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      """
    When the daemon is started
    And I run poolctl "logs chat/7"
    Then it exits with 3
    And it complains "cannot show logs: chat has no engine 7; poolctl status chat lists them"
    When I run poolctl "logs nobody"
    Then it exits with 3
    And it complains "cannot find the pool nobody: there are chat"
