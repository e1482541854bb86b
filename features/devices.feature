Feature: One engine at a time loads on a device, whatever becomes of the daemon

  Background:
    Given the pool "heavy":
      """
      engine: { command: [sleep, "1000"], devices: ["0", "0"], requireGpu: false }
      replicas: 2
      probes: { startup: { exec: { command: [test, -e, "DIR/loaded-${replica}"] }, period: 50ms } }
      backoff: { delay: 100ms, limit: 100ms }
      """

  Scenario: What loads has its device back when the daemon comes back, and the next waits for it
    When the daemon is started
    Then the engine "heavy/0" becomes starting with reason probing
    And the engine "heavy/1" becomes starting with reason queued
    And the message of the engine "heavy/1" is like "^waiting for a place to spawn on device 0, where heavy/0 loads$"
    When I note the pid of "heavy/0"
    And the daemon is killed with SIGKILL
    And the daemon is started again
    Then the engine "heavy/1" becomes starting with reason queued
    And the pid of "heavy/0" is still the same
    And the engine "heavy/0" has reason probing
    When the file "loaded-0" is made
    Then the engine "heavy/0" becomes ready
    And the engine "heavy/1" becomes starting with reason probing

  Scenario: What was loading and cannot be proved to be ours keeps its device until it has ended
    Given the pool "heavy":
      """
      engine: { command: [env, -i, sleep, "60"], devices: ["0", "0"], requireGpu: false }
      replicas: 2
      probes: { startup: { exec: { command: [test, -e, "DIR/loaded-${replica}"] }, period: 50ms } }
      backoff: { delay: 100ms, limit: 100ms }
      """
    And the daemon runs with POOLD_CONTAINMENT = "weak"
    When the daemon is started
    Then the engine "heavy/0" becomes starting with reason probing
    When I note the pid of "heavy/0"
    # Its environment is empty and its parent is gone: nothing ties it to poold.
    And the launcher of "heavy/0" is killed after the daemon
    And the daemon is started again
    Then the engine "heavy/0" becomes stuck with reason unproven
    And the pid of "heavy/0" is still the same
    And the engine "heavy/1" becomes starting with reason queued
    And the message of the engine "heavy/1" is like "^waiting for a place to spawn on device 0, where heavy/0 is stuck$"
    When the file "loaded-1" is made
    And the engine "heavy/0" is killed with SIGKILL
    Then the engine "heavy/1" becomes ready
    And the engine "heavy/0" becomes starting with reason probing
    And the engine "heavy/0" has generation 2
    When the file "loaded-0" is made
    Then the engine "heavy/0" becomes ready
    And the pool "heavy" has crashCount 1
    # Who clears up behind the scenario would not find them either.
    When the daemon gets SIGTERM and ends
    Then the daemon has ended with code 0
