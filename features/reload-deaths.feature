Feature: A reload whose daemon dies goes on where its new engines live, and goes back where they do not; leases stay

  Background:
    Given the file "a" is made
    And the pool "chat":
      """
      engine: { command: [ENGINES/loads-model.sh, "DIR/${vars.model}"], version: v1, vars: { model: a } }
      replicas: 2
      probes: { startup: { logLine: { pattern: "^loaded" } } }
      leases: { ttl: 10m }
      reload: { soak: 50ms, strategy: rolling, maxSurge: 0, maxUnavailable: 1 }
      drain: { deadline: 5m }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When ann takes a lease on "chat"
    And bob takes a lease on "chat"
    Then ann holds the lease on "chat/0"
    And bob holds the lease on "chat/1"

  Scenario: Rolling: each step is gone on with, whoever still works is waited for
    When I note the pid of "chat/1"
    And I run poolctl "reload chat --version v2 --set model=b --no-wait"
    Then the engine "chat/0" becomes draining
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the pool "chat" becomes reloading
    And ann holds the lease on "chat/0"
    When ann renews the lease
    Then the answer is 200 with:
      | draining   | true      |
      | deadlineAt | /^20.*Z$/ |
    When ann releases the lease
    Then the candidate of "chat/0" becomes starting
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the engines of "chat" become:
      | id     | role      | generation | version | state    | activeLeases |
      | chat/0 | serving   | 1          | null    | stopped  | 0            |
      | chat/0 | candidate | 2          | v2      | starting | 0            |
      | chat/1 | serving   | 1          | v1      | ready    | 1            |
    And the status of "chat" shows:
      | state  | reloading |
      | reason | reload    |
    And the newest operation of "chat" comes to be:
      | kind    | reload  |
      | state   | running |
      | outcome | null    |
    When the file "b" is made
    Then the engine "chat/1" becomes draining
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the engines of "chat" become:
      | role    | generation | version | state    | activeLeases |
      | serving | 2          | v2      | ready    | 0            |
      | serving | 1          | v1      | draining | 1            |
    And the pid of "chat/1" is still the same
    And bob holds the lease on "chat/1"
    When bob releases the lease
    Then the newest operation of "chat" comes to be:
      | state   | succeeded |
      | outcome | reloaded  |
    And the engines of "chat" become:
      | role    | generation | version | state |
      | serving | 2          | v2      | ready |
      | serving | 2          | v2      | ready |
    And the pool "chat" becomes running
    And "chat" has granted 0 of 2 slots

  Scenario: Rolling: where the new engine died with the daemon the old one comes back
    When I note the pid of "chat/1"
    And ann releases the lease
    And I run poolctl "reload chat --version v2 --set model=b --no-wait"
    Then the candidate of "chat/0" becomes starting
    When the candidate of "chat/0" is killed after the daemon
    And the daemon is started again
    Then the newest operation of "chat" comes to be:
      | state         | failed      |
      | outcome       | rolled_back |
      | error.message | /^cannot reload chat: the new chat\/0 failed: / |
    And the engines of "chat" become:
      | role    | generation | version | state | breaker | activeLeases |
      | serving | 3          | v1      | ready | closed  | 0            |
      | serving | 1          | v1      | ready | closed  | 1            |
    And the pid of "chat/1" is still the same
    And bob holds the lease on "chat/1"
    And the pool "chat" becomes running
    And the pool "chat" has overrides.length 0

  Scenario: Recreate: it waits on for all of the old, and starts all of the new
    When I run poolctl "reload chat --version v2 --set model=b --strategy recreate --no-wait"
    Then the engine "chat/0" becomes draining
    And the engine "chat/1" becomes draining
    When ann releases the lease
    And the daemon is killed with SIGKILL
    And the daemon is started again
    Then the pool "chat" becomes reloading
    And bob holds the lease on "chat/1"
    When bob releases the lease
    Then the candidate of "chat/1" becomes starting
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the engines of "chat" become:
      | id     | role      | generation | version | state    |
      | chat/0 | serving   | 1          | null    | stopped  |
      | chat/0 | candidate | 2          | v2      | starting |
      | chat/1 | serving   | 1          | null    | stopped  |
      | chat/1 | candidate | 2          | v2      | starting |
    And the pool "chat" becomes reloading
    When cid waits for a lease on "chat"
    And the file "b" is made
    Then cid gets a lease on "chat/0"
    And the newest operation of "chat" comes to be:
      | kind    | reload   |
      | outcome | reloaded |
    And the engines of "chat" become:
      | role    | generation | version | state |
      | serving | 2          | v2      | ready |
      | serving | 2          | v2      | ready |

  Scenario: Recreate: where a new engine died with the daemon all of the old come back
    When ann releases the lease
    And bob releases the lease
    And I run poolctl "reload chat --version v2 --set model=b --strategy recreate --no-wait"
    Then the candidate of "chat/1" becomes starting
    When the candidate of "chat/1" is killed after the daemon
    And the daemon is started again
    Then the newest operation of "chat" comes to be:
      | kind    | reload      |
      | outcome | rolled_back |
    And the engines of "chat" become:
      | role    | generation | version | state | breaker |
      | serving | 3          | v1      | ready | closed  |
      | serving | 3          | v1      | ready | closed  |
    And the pool "chat" becomes running
    When ann takes a lease on "chat"
    Then ann holds the lease on "chat/0"
