Feature: Engines of somebody else

  Scenario: An engine that another program announces is shown and probed, and never counted
    Given beside the pools the configuration says:
      """
      handoff: { external: DIR/announced }
      """
    And the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      slots: 4
      probes: { readiness: { httpGet: { path: /health }, period: 50ms, failureThreshold: 1 } }
      """
    And a directory "announced" in which programs announce engines
    And the program "vllm" runs an engine of its own
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When the program "vllm" announces its engine in the pool "chat"
    Then the engines of "chat" become:
      | id                 | state    | live  | ready | generation | reason |
      | chat/0             | ready    | true  | true  | 1          | null   |
      | chat/external:vllm | external | false | true  | 1          | null   |
    And the engine "chat/external:vllm" has the address of the program "vllm"
    And the daemon logs "engine.ready" for "chat/external:vllm" with:
      | external | true |
    And the status of "chat" shows:
      | state      | running |
      | replicas   | 1       |
      | slotsTotal | 4       |
      | slotsFree  | 4       |
    And the metric 'poold_pool_engines{pool="chat",state="external"}' is 1
    And the metric 'poold_pool_engines{pool="chat",state="ready"}' is 1
    And the metric 'poold_pool_wanted_engines{pool="chat"}' is 1
    And the metrics have no series of "external:vllm"
    When I run poolctl "status"
    Then it prints like "chat +running +1 +1 "
    When I run poolctl "status chat"
    Then it prints "1 of 1 ready"
    And it prints "chat/external:vllm"
    And a balancer that asks for 2 ready engines of "chat" is refused

    When the engine "chat/external:vllm" is told "status=503"
    Then the engines of "chat" become:
      | id                 | state    | ready | reason  | message        |
      | chat/0             | ready    | true  | null    | null           |
      | chat/external:vllm | external | false | unready | /answered 503/ |
    And the daemon logs "engine.unready" for "chat/external:vllm" with:
      | external | true |

    When I run poolctl "stop chat --reason test"
    Then the pool "chat" becomes stopped
    And the program "vllm" still runs
    When the file "announced/vllm.json" is removed
    Then the daemon logs "engine.stopped" for "chat/external:vllm" with:
      | external | true |
    And the engines of "chat" become:
      | id     | state   |
      | chat/0 | stopped |
    When the daemon gets SIGTERM and ends
    Then the program "vllm" still runs

  Scenario: What is no announcement is told once, and does no harm
    Given beside the pools the configuration says:
      """
      handoff: { external: DIR/announced }
      """
    And the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    And a directory "announced" in which programs announce engines
    And the file "announced/elsewhere.json":
      """
      {"pool": "chat", "url": "http://10.0.0.1:8000"}
      """
    And the file "announced/unknown.json":
      """
      {"pool": "nowhere", "url": "http://127.0.0.1:8000"}
      """
    And the file "announced/half.json":
      """
      {"pool": "chat", "url":
      """
    And the file "announced/proto.json":
      """
      {"__proto__": {"pool": "chat", "url": "http://127.0.0.1:8000"}}
      """
    And a link "announced/link.json" to "announced/elsewhere.json"
    And a pipe "announced/pipe.json"
    And a file "announced/huge.json" of 1 GiB
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And the daemon says 'announced/elsewhere.json: its "url" is not on loopback'
    And the daemon says "announced/unknown.json: there is no pool nowhere"
    And the daemon says "announced/half.json: it is not JSON"
    And the daemon says 'announced/proto.json: its "pool" is no name of a pool'
    And the daemon says "announced/link.json: it is a link"
    And the daemon says "announced/pipe.json: it is not a regular file"
    And the daemon says "announced/huge.json: it is larger than 64 KiB"
    And the engines of "chat" become:
      | id     | state |
      | chat/0 | ready |
