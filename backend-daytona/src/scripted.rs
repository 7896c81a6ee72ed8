//! A service that answers what a test has written down, whatever it is asked.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::api::{Api, Key};

/// It gives these answers, one after the other.
pub(crate) async fn service(answers: &[(u16, &'static str)], budget: Duration) -> Api {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut answers: VecDeque<_> = answers.to_vec().into();
    tokio::spawn(async move {
        while let Some((status, body)) = answers.pop_front() {
            let (mut near, _) = listener.accept().await.unwrap();
            let _ = near.read(&mut [0; 4096]).await;
            let size = body.len();
            let answer =
                format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {size}\r\n\r\n{body}");
            let _ = near.write_all(answer.as_bytes()).await;
        }
    });
    Api::new(&url, &Key::new("k").unwrap(), None, budget).unwrap()
}
