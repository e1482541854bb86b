Feature: On a full disk nothing is promised that could be forgotten, and what runs goes on

  Background:
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 50ms
      backoff: { delay: 100ms, limit: 200ms }
      """

  Scenario: A command that cannot be recorded is refused and changes nothing
    When the daemon is started
    Then the pool "chat" becomes running
    When I note all that poold knows
    And the disk is full for the daemon
    And I run poolctl "stop chat/0"
    Then it exits with 7
    And it complains "cannot record the command for chat: the disk of the state directory is full; make room and ask again"
    When I send POST "/v1/pools/chat/scale":
      """
      {"replicas": 5}
      """
    Then it is refused with 503 storage_full
    And nothing has changed
    And the metrics page has:
      | metric       | labels | at least |
      | storage_full | none   | 1        |
    When there is room for the daemon again
    And I run poolctl "stop chat/0"
    Then it succeeds
    And the engine "chat/0" becomes stopped

  Scenario: An engine that ends is started by itself when there is room, and never without its intent on the disk
    When the daemon is started
    Then the pool "chat" becomes running
    When I note the pid of "chat/1"
    And I note the newest cursor
    And I follow the events of "chat" from there
    And the disk is full for the daemon
    And the engine "chat/0" is killed with SIGKILL
    Then I am told in this order:
      | engine.exited  | chat/0 | signal | SIGKILL |
      | engine.backoff | chat/0 | reason | signal  |
      | daemon.starved | chat/0 |        |         |
      | engine.backoff | chat/0 | reason | starved |
      | daemon.starved | chat/0 |        |         |
      | engine.backoff | chat/0 | reason | starved |
    And the message of the engine "chat/0" is like "the disk of the state directory is full; next start in .*: the daemon lacks what a start needs"
    And the engine "chat/0" consists of 0 processes
    And the pid of "chat/1" is still the same
    And the pool "chat" has crashCount 1
    When there is room for the daemon again
    Then the engine "chat/0" becomes ready
    And the engine "chat/0" consists of 1 process
    And the pid of "chat/1" is still the same
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the engine "chat/0" becomes ready
    And the pool "chat" has crashCount 1
    And the pid of "chat/1" is still the same

  Scenario: What ends meanwhile is told, and stored as soon as there is room, also when nothing else happens
    Given the pool "once":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      restart: never
      onExit: { command: [echo, a last word] }
      """
    And the pool "stubborn":
      """
      engine: { command: [sh, -c, "trap '' TERM; exec sleep 1000"] }
      readyAfter: 50ms
      stop: { timeout: 10m }
      """
    When the daemon is started
    Then the pool "once" becomes running
    And the pool "stubborn" becomes running
    When I send POST "/v1/pools/stubborn/stop":
      """
      {}
      """
    Then the answer is 202
    And the engine "stubborn/0" becomes stopping
    When the disk is full for the daemon
    And the engine "once/0" is killed with SIGKILL
    And the engine "stubborn/0" is killed with SIGKILL
    Then the engine "once/0" becomes failed
    And the engine "stubborn/0" becomes stopped
    And the history of "once" comes to:
      | engine | generation | class  | onExit        |
      | once/0 | 1          | signal | /a last word/ |
    And the operations of "stubborn" are:
      | kind | state     |
      | stop | succeeded |
    When there is room for the daemon again
    Then the daemon stores again by itself
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the engine "once/0" becomes failed
    And the engine "stubborn/0" becomes stopped
    And the history of "once" comes to:
      | engine | generation | class  | onExit        |
      | once/0 | 1          | signal | /a last word/ |
    And the operations of "stubborn" are:
      | kind | state     |
      | stop | succeeded |
    And the pool "once" has crashCount 1

  Scenario: A restart cannot be called off where that cannot be recorded
    Given the file "model" is made
    And the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      probes: { startup: { exec: { command: [test, -e, DIR/model] }, period: 30ms } }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When the file "model" is removed
    And I run poolctl "restart chat --no-wait"
    Then it succeeds
    And the candidate of "chat/0" becomes starting
    When the disk is full for the daemon
    And I ask to cancel the newest operation of "chat"
    Then it is refused with 503 storage_full, saying "cannot record the command for chat"
    And the operations of "chat" are:
      | kind    | state   |
      | restart | running |
    When there is room for the daemon again
    And I cancel the running operation of "chat"
    Then it succeeds
    And the newest operation of "chat" comes to be:
      | state | cancelled |
