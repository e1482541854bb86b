Feature: Engines that say themselves that they are ready

  Background:
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/notifies.mjs, DIR/go, "STATUS=loading", "READY=1", "STATUS=up"] }
      probes: { startup: { notify: {} } }
      """

  Scenario: READY=1 opens the gate when it comes from the engine, and nobody else's does
    When the daemon is started
    Then the engine "chat/0" writes "waiting"
    And the engine "chat/0" becomes starting
    When a stranger says "READY=1" to the notify socket of "chat/0"
    Then the message of the engine "chat/0" becomes like "^waiting until it is ready, .* left; last probe: cannot count READY=1 from pid [0-9]+: that is no process of this engine"
    And no "engine.ready" was logged for "chat/0"
    When the file "go" is made
    Then the engine "chat/0" becomes ready
    And the engine "chat/0" writes "STATUS=up: sent"
    And the engine "chat/0" has generation 1
    When the notify socket of "chat/0" is noted
    And I run poolctl "stop chat --reason test"
    Then the noted notify socket is gone

  Scenario: A process that the engine has started may say it, also with the weakest containment
    Given the daemon runs with POOLD_CONTAINMENT = "weak"
    And the pool "child":
      """
      engine: { command: [node, ENGINES/notifies.mjs, "-", "@child:READY=1"] }
      probes: { startup: { notify: {} } }
      """
    When the daemon is started
    Then the engine "child/0" becomes ready
    And the engine "child/0" writes "child sent"

  Scenario: The next daemon goes on waiting at the same socket
    When the daemon is started
    Then the engine "chat/0" writes "waiting"
    And the engine "chat/0" becomes starting
    When I note the pid of "chat/0"
    And the daemon is killed with SIGKILL
    And the file "go" is made
    Then the engine "chat/0" writes "READY=1: errno 111"
    When the daemon is started again
    Then the engine "chat/0" becomes starting
    When the engine "chat/0" is killed with SIGHUP
    Then the engine "chat/0" becomes ready
    And the pid of "chat/0" is still the same
    And the engine "chat/0" has generation 1

  Scenario: Where datagrams cannot be received it is said, and the start fails in its time
    Given the file "no-koffi.mjs":
      """
      import { registerHooks } from 'node:module';
      registerHooks({
        resolve(name, context, next) {
          if (name === 'koffi') throw new Error('there is no koffi');
          return next(name, context);
        },
      });
      """
    And the daemon runs with NODE_OPTIONS = "--import=DIR/no-koffi.mjs"
    And the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      probes: { startup: { notify: {} } }
      startTimeout: 500ms
      restart: never
      """
    When the daemon is started
    Then the daemon says "cannot receive READY=1, so no engine of chat can become ready: koffi cannot be loaded (there is no koffi)"
    And the engine "chat/0" becomes failed
    And the last end of "chat/0" was:
      | class   | start_timeout             |
      | message | /cannot receive READY=1/ |
