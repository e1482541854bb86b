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
