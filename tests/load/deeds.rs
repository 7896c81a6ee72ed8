//! What a session under load does, and what must come of it, whatever the others do.

use std::collections::BTreeMap;
use std::future::IntoFuture as _;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum::{
    EventKind, ExecutionRequest, ExecutionResult, Sandbox, Session, StateAfter, Status, StdinPolicy,
};

use crate::dice::Dice;

/// No call of this test may take longer, however loaded the machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// One session, and what its state must be.
pub(crate) struct Actor {
    sandbox: Arc<Sandbox>,
    session: Session,
    dice: Dice,
    /// What `n` is bound to in the session; `None`: not bound.
    n: Option<u64>,
    serial: u64,
    done: BTreeMap<&'static str, u64>,
}

impl Actor {
    pub(crate) async fn new(sandbox: Arc<Sandbox>, dice: Dice) -> Self {
        let session = in_time(sandbox.session()).await.unwrap();
        Self { sandbox, session, dice, n: None, serial: 0, done: BTreeMap::new() }
    }

    /// Does something, and looks whether the state is what it must be.
    pub(crate) async fn act(&mut self) {
        self.serial += 1;
        let deed = match self.dice.roll(32) {
            0..8 => self.count().await,
            8..12 => self.print().await,
            12..15 => self.fail().await,
            15..17 => self.run_a_child().await,
            17..19 => self.be_asked().await,
            19..21 => self.be_interrupted().await,
            21 => self.run_out_of_time().await,
            22..24 => self.drop_it().await,
            24..26 => self.detach_and_attach().await,
            26 => self.flood().await,
            27 => self.crash().await,
            28 => self.be_stubborn().await,
            29..31 => self.wait_in_line().await,
            _ => self.start_anew().await,
        };
        *self.done.entry(deed).or_default() += 1;
        let told = self.run("globals().get('n')").await;
        let expected = self.n.map(|n| n.to_string());
        assert_eq!(told.value().map(|value| value.repr.clone()), expected, "after: {deed}");
    }

    pub(crate) async fn leave(self) -> BTreeMap<&'static str, u64> {
        in_time(self.session.close()).await.unwrap();
        self.done
    }

    async fn run(&self, request: impl Into<ExecutionRequest>) -> ExecutionResult {
        // Longer than the test's patience: no deadline that nobody asked for.
        let request = request.into().timeout(Duration::from_mins(10));
        in_time(self.session.execute(request)).await.unwrap()
    }

    async fn count(&mut self) -> &'static str {
        let n = self.n.map_or(1, |n| n + 1);
        let result = self.run(format!("n = {n}\nn * 2")).await;
        assert_eq!(result.value().map(|value| value.repr.as_str()), Some((n * 2).to_string().as_str()));
        self.n = Some(n);
        "count"
    }

    async fn print(&mut self) -> &'static str {
        let (token, lines) = (self.token(), 1 + self.dice.roll(5000));
        let result = self.run(format!("for i in range({lines}): print({token:?}, i)")).await;
        let expected = (0..lines).map(|i| format!("{token} {i}"));
        assert!(
            result.stdout.text.lines().eq(expected),
            "output that is not its own: {:.200}",
            result.stdout.text
        );
        "print"
    }

    async fn fail(&mut self) -> &'static str {
        let token = self.token();
        let result = self.run(format!("raise ValueError({token:?})")).await;
        assert_eq!(result.status(), Status::Failed);
        assert_eq!(result.error().map(|error| error.message.as_str()), Some(token.as_str()));
        "fail"
    }

    async fn run_a_child(&mut self) -> &'static str {
        let token = self.token();
        let code = format!(
            "import os\nprint('before')\ncode = os.system('echo {token}; echo {token} >&2')\nprint('after')"
        );
        let result = self.run(code).await;
        assert_eq!(result.stdout, format!("before\n{token}\nafter\n").as_str());
        assert_eq!(result.stderr, format!("{token}\n").as_str());
        "run a child"
    }

    async fn be_asked(&mut self) -> &'static str {
        let token = self.token();
        let request =
            ExecutionRequest::new("input('who? ')").stdin(StdinPolicy::Ask).timeout(Duration::from_mins(10));
        let mut running = in_time(self.session.start(request)).await.unwrap();
        let mut value = None;
        while let Some(event) = in_time(running.next()).await {
            match event.kind {
                EventKind::InputRequest { token: question, .. } => {
                    in_time(self.session.answer(&question, token.as_str())).await.unwrap();
                }
                EventKind::Finished(outcome) => value = outcome.value.map(|value| value.repr),
                _ => {}
            }
        }
        assert_eq!(value, Some(format!("'{token}'")));
        "be asked"
    }

    async fn be_interrupted(&mut self) -> &'static str {
        let code = ["import time\nprint('go')\ntime.sleep(600)", "print('go')\nwhile True: pass"];
        let code = *self.dice.pick(&code);
        let mut running =
            in_time(self.session.start(ExecutionRequest::new(code).timeout(Duration::from_mins(10))))
                .await
                .unwrap();
        let id = running.id();
        let mut status = None;
        while let Some(event) = in_time(running.next()).await {
            match event.kind {
                EventKind::Output { .. } => assert!(in_time(self.session.interrupt(&id)).await.unwrap()),
                EventKind::Finished(outcome) => status = Some((outcome.status, outcome.state)),
                _ => {}
            }
        }
        let Some((status, state)) = status else { panic!("it never finished") };
        assert_eq!(status, Status::Interrupted);
        // On a machine under such a load the grace may run out before the code gets a turn; then it must be said.
        if state == StateAfter::Lost {
            self.n = None;
        }
        "be interrupted"
    }

    async fn run_out_of_time(&mut self) -> &'static str {
        let request =
            ExecutionRequest::new("import time\ntime.sleep(600)").timeout(Duration::from_millis(200));
        let result = in_time(self.session.execute(request)).await.unwrap();
        assert_eq!(result.status(), Status::TimedOut);
        self.note(&result);
        "run out of time"
    }

    async fn drop_it(&mut self) -> &'static str {
        let running = in_time(self.session.start("import time\ntime.sleep(600)")).await.unwrap();
        if self.dice.roll(2) == 0 {
            tokio::time::sleep(Duration::from_millis(self.dice.roll(30))).await;
        }
        drop(running);
        // Whether the interrupt got through in time is told to nobody: the state tells.
        let told = self.run("globals().get('n')").await;
        if told.value().is_none() {
            self.n = None;
        }
        "drop it"
    }

    async fn detach_and_attach(&mut self) -> &'static str {
        let token = self.token();
        let running = in_time(self.session.start(format!("print({token:?})"))).await.unwrap();
        let id = running.detach();
        let result =
            in_time(in_time(self.session.attach(&id, 0)).await.unwrap().into_future()).await.unwrap();
        assert_eq!(result.stdout, format!("{token}\n").as_str());
        "detach and attach"
    }

    async fn flood(&mut self) -> &'static str {
        let result = self.run("import sys\nfor _ in range(300): sys.stdout.write('x' * 10000)").await;
        let cut = result.stdout.cut.map_or(0, |cut| cut.bytes);
        assert_eq!(result.stdout.text.len() as u64 + cut, 3_000_000);
        "flood"
    }

    async fn crash(&mut self) -> &'static str {
        let code = [
            "import os; os._exit(7)",
            "import os; os.kill(os.getpid(), 11)",
            "import os; os.kill(os.getpid(), 9)",
        ];
        let code = *self.dice.pick(&code);
        let result = self.run(code).await;
        assert_eq!((result.status(), result.state()), (Status::Crashed, &StateAfter::Lost));
        self.n = None;
        "crash"
    }

    async fn be_stubborn(&mut self) -> &'static str {
        let code = "while True:\n try:\n  while True: pass\n except BaseException: pass";
        let request = ExecutionRequest::new(code).timeout(Duration::from_millis(100));
        let result = in_time(self.session.execute(request)).await.unwrap();
        // An interrupt that comes before the first `try` still gets through.
        assert_eq!(result.status(), Status::TimedOut);
        self.note(&result);
        "be stubborn"
    }

    async fn wait_in_line(&mut self) -> &'static str {
        let mut line = Vec::new();
        for place in 0..8 {
            let request = ExecutionRequest::new(place.to_string()).timeout(Duration::from_mins(10));
            line.push(in_time(self.session.start(request)).await.unwrap());
        }
        for (place, waiting) in line.into_iter().enumerate() {
            let result = in_time(waiting.into_future()).await.unwrap();
            assert_eq!(result.value().map(|value| value.repr.clone()), Some(place.to_string()));
        }
        "wait in line"
    }

    async fn start_anew(&mut self) -> &'static str {
        let fresh = in_time(self.sandbox.session()).await.unwrap();
        let old = std::mem::replace(&mut self.session, fresh);
        in_time(old.close()).await.unwrap();
        self.n = None;
        "start anew"
    }

    fn note(&mut self, result: &ExecutionResult) {
        if result.state() == &StateAfter::Lost {
            self.n = None;
        }
    }

    /// Something that nobody else prints.
    fn token(&self) -> String {
        format!("{}-{}", self.session.id(), self.serial)
    }
}

/// What a call gives, which may not take longer than this test's patience.
pub(crate) async fn in_time<F: Future>(call: F) -> F::Output {
    let Ok(output) = tokio::time::timeout(PATIENCE, call).await else {
        panic!("a call took longer than {PATIENCE:?}")
    };
    output
}
