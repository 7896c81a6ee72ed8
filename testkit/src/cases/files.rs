//! Files of the working directory: moved in and out, and never anything else.

use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use hibernaculum_core::{ByteSize, Error, FileBody, FileKind, SessionError};
use tokio::sync::oneshot;

use crate::prelude::*;

const FILES: Need = Need::Feature(Feature::Files);

cases! { "files":
    smoke a_file_goes_in_and_comes_out [FILES],
    files_of_all_sizes_come_out_as_they_went_in [FILES],
    a_file_that_was_uploaded_is_there_for_code [FILES],
    a_file_that_code_wrote_can_be_downloaded [FILES],
    a_file_that_is_not_there_is_told [FILES],
    a_directory_is_listed_in_order [FILES],
    a_file_is_described [FILES],
    directories_are_made_with_those_above_them [FILES],
    a_file_is_renamed_over_another [FILES],
    a_directory_with_files_is_not_replaced [FILES],
    a_directory_is_removed_with_everything_in_it [FILES],
    a_tree_of_any_depth_is_removed [FILES],
    a_directory_of_thousands_is_listed_whole [FILES],
    downloads_that_nobody_reads_hold_nothing_else_up [FILES],
    whoever_serves_files_may_be_killed_between_two_calls [FILES],
    paths_that_leave_the_working_directory_are_refused [FILES],
    links_are_never_followed [FILES],
    a_link_that_takes_a_directorys_place_leads_nowhere [FILES],
    removing_a_link_leaves_what_it_points_at [FILES],
    a_fifo_is_not_waited_for [FILES],
    devices_and_sockets_are_not_read [FILES],
    odd_names_are_names [FILES],
    a_name_that_is_too_long_is_refused [FILES],
    a_sparse_file_says_its_size_before_it_comes [FILES],
    a_file_that_shrinks_while_it_is_read_is_told [FILES],
    a_file_beyond_the_limit_leaves_nothing [FILES, Need::Limit(LimitKind::ProcessFileSize)],
    an_upload_that_is_given_up_leaves_nothing [FILES],
    an_upload_whose_source_fails_leaves_nothing [FILES],
    a_download_that_is_given_up_does_no_harm [FILES],
    many_transfers_at_once_do_not_mix [FILES],
    code_that_runs_does_not_hold_files_up [FILES],
    a_transfer_does_not_hold_an_interrupt_up [FILES, INTERRUPT],
    files_of_a_sandbox_that_is_gone_are_refused [FILES],
}

fn body(pieces: Vec<Bytes>) -> FileBody {
    Box::pin(stream::iter(pieces.into_iter().map(Ok)))
}

/// A stream that gives one piece and then nothing, for ever. It tells when it is asked for more: then the piece is on its way.
fn endless(first: &'static [u8]) -> (FileBody, oneshot::Receiver<()>) {
    let (tell, told) = oneshot::channel();
    let mut tell = Some(tell);
    let nothing = stream::poll_fn(move |_| {
        // Nobody need listen.
        let _ = tell.take().map(|tell| tell.send(()));
        Poll::Pending
    });
    (Box::pin(stream::iter([Ok(Bytes::from_static(first))]).chain(nothing)), told)
}

async fn names(cx: &Context, path: &str) -> Result<Vec<String>, Failure> {
    Ok(cx.sandbox().await?.files().list(path).await?.into_iter().map(|file| file.path).collect())
}

/// Waits until these are all the files there are.
async fn only(cx: &Context, expected: &[&str]) -> Outcome {
    if cx.is_recorded() {
        // How often it is asked until then is up to the moment: there, code waits for it, and one answer is left.
        let wait = format!("import os, time\nwhile sorted(os.listdir()) != {expected:?}: time.sleep(0.002)");
        cx.session().await?.run(within(Duration::from_secs(10), &wait)).await?.expect_completed()?;
    }
    eventually("what was given up leaves nothing", async || {
        let found = names(cx, ".").await.map_err(|failure| failure.to_string())?;
        if found == expected { Ok(()) } else { Err(format!("there are {found:?}")) }
    })
    .await
}

async fn a_file_goes_in_and_comes_out(cx: &Context) -> Outcome {
    let files = cx.sandbox().await?.files();
    let info = files.write("notes.txt", "grün\n").await?;
    ensure_eq("what it is", (info.path.as_str(), info.kind, info.size.as_u64()), ("notes.txt", FileKind::File, 6))?;
    ensure_eq("content", files.read("notes.txt", ByteSize::kib(1)).await?, Bytes::from("grün\n"))?;
    ensure_eq("names", names(cx, ".").await?, vec!["notes.txt".to_owned()])
}

async fn files_of_all_sizes_come_out_as_they_went_in(cx: &Context) -> Outcome {
    let files = cx.sandbox().await?.files();
    // Numbers that come again can be folded on a cassette; so many of them do not fill a chunk exactly.
    let numbers = if cx.is_recorded() { 93 } else { u32::MAX };
    for size in [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5_000_000] {
        let content = (0..=size / 4).flat_map(|number| (number % numbers).to_le_bytes());
        let content: Bytes = content.take(size as usize).collect();
        files.write("file", content.clone()).await?;
        let read = files.read("file", ByteSize::mib(8)).await?;
        ensure(&format!("{size} bytes come out as they went in"), read == content)?;
    }
    files.read("file", ByteSize::mib(1)).await.expect_code("config.invalid")?;
    Ok(())
}

async fn a_file_that_was_uploaded_is_there_for_code(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    cx.sandbox().await?.files().write("data/rows.csv", "a,b\n1,2\n").await?;
    session.run("open('data/rows.csv').read()").await?.expect_value("'a,b\\n1,2\\n'")?;
    Ok(())
}

async fn a_file_that_code_wrote_can_be_downloaded(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("with open('out.bin', 'wb') as file: file.write(bytes(range(256)) * 5000)").await?;
    let read = cx.sandbox().await?.files().read("out.bin", ByteSize::mib(2)).await?;
    ensure("it is what code wrote", read.chunks(256).all(|piece| piece.iter().copied().eq(0..=255)))?;
    ensure_eq("bytes", read.len(), 1_280_000)
}

async fn a_file_that_is_not_there_is_told(cx: &Context) -> Outcome {
    let files = cx.sandbox().await?.files();
    files.read("nowhere", ByteSize::kib(1)).await.expect_code("files.not_found")?;
    files.stat("nowhere").await.expect_code("files.not_found")?;
    files.list("nowhere").await.expect_code("files.not_found")?;
    files.remove("nowhere").await.expect_code("files.not_found")?;
    files.rename("nowhere", "there").await.expect_code("files.not_found")?;
    files.stat("no/where").await.expect_code("files.not_found")?;
    Ok(())
}

async fn a_directory_is_listed_in_order(cx: &Context) -> Outcome {
    let files = cx.sandbox().await?.files();
    for name in ["b", "a", "d/inside", "C"] {
        files.write(name, name.to_owned()).await?;
    }
    ensure_eq("the root", names(cx, ".").await?, ["C", "a", "b", "d"].map(String::from).to_vec())?;
    ensure_eq("below it", names(cx, "./d/").await?, vec!["d/inside".to_owned()])?;
    files.list("a").await.expect_code("files.wrong_kind")?;
    Ok(())
}

async fn a_file_is_described(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os; open('x', 'w').write('abc'); os.chmod('x', 0o640); os.utime('x', (1e9, 1e9)); os.mkdir('d')").await?;
    let files = cx.sandbox().await?.files();
    let info = files.stat("x").await?;
    ensure_eq("size and mode", (info.size.as_u64(), info.mode), (3, 0o640))?;
    ensure_eq("modified", info.modified.as_second(), 1_000_000_000)?;
    ensure_eq("a directory", files.stat("d").await?.kind, FileKind::Directory)?;
    ensure_eq("the root", files.stat("").await?.kind, FileKind::Directory)
}

async fn directories_are_made_with_those_above_them(cx: &Context) -> Outcome {
    let files = cx.sandbox().await?.files();
    files.mkdir("a/b/c").await?;
    files.mkdir("a/b/c").await?;
    ensure_eq("kind", files.stat("a/b/c").await?.kind, FileKind::Directory)?;
    files.write("file", "x").await?;
    files.mkdir("file/below").await.expect_code("files.wrong_kind")?;
    Ok(())
}

async fn a_file_is_renamed_over_another(cx: &Context) -> Outcome {
    let files = cx.sandbox().await?.files();
    files.write("new", "new").await?;
    files.write("old", "old").await?;
    files.rename("new", "old").await?;
    ensure_eq("content", files.read("old", ByteSize::kib(1)).await?, Bytes::from("new"))?;
    ensure_eq("names", names(cx, ".").await?, vec!["old".to_owned()])
}

async fn a_directory_with_files_is_not_replaced(cx: &Context) -> Outcome {
    let files = cx.sandbox().await?.files();
    files.write("full/file", "x").await?;
    files.mkdir("other").await?;
    files.rename("other", "full").await.expect_code("files.exists")?;
    files.write("full", "x").await.expect_code("files.wrong_kind")?;
    ensure_eq("what was in it", names(cx, "full").await?, vec!["full/file".to_owned()])
}

async fn a_directory_is_removed_with_everything_in_it(cx: &Context) -> Outcome {
    let files = cx.sandbox().await?.files();
    for name in ["d/a", "d/e/f/g", "d/e/h", "kept"] {
        files.write(name, "x").await?;
    }
    files.remove("d").await?;
    ensure_eq("names", names(cx, ".").await?, vec!["kept".to_owned()])?;
    files.remove(".").await.expect_code("files.wrong_kind")?;
    Ok(())
}

async fn a_tree_of_any_depth_is_removed(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let files = cx.sandbox().await?.files();
    session
        .run(
            "import os
here = os.open('.', os.O_RDONLY)
for level in range(1500):
    os.mkdir('deep', dir_fd=here)
    below = os.open('deep', os.O_RDONLY, dir_fd=here)
    os.close(here)
    here = below
    os.close(os.open('file', os.O_CREAT | os.O_WRONLY, dir_fd=here))
os.close(here)",
        )
        .await?
        .expect_completed()?;
    files.remove("deep").await?;
    ensure_eq("names", names(cx, ".").await?, Vec::<String>::new())
}

async fn a_directory_of_thousands_is_listed_whole(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session
        .run(
            "import os
path = '/'.join(['a' * 200] * 3)
os.makedirs(path)
for number in range(4100): open(f'{path}/{number:0200}', 'w').close()",
        )
        .await?
        .expect_completed()?;
    let path = ["a".repeat(200), "a".repeat(200), "a".repeat(200)].join("/");
    let found = names(cx, &format!("./{path}/")).await?;
    let expected: Vec<_> = (0..4100).map(|number| format!("{path}/{number:0200}")).collect();
    ensure("each is there, in order, by its whole path", found == expected)
}

async fn downloads_that_nobody_reads_hold_nothing_else_up(cx: &Context) -> Outcome {
    let files = cx.sandbox().await?.files();
    files.write("file", vec![7; 4 << 20]).await?;
    let mut unread = Vec::new();
    for _ in 0..8 {
        unread.push(files.download("file").await?);
    }
    ensure_eq("size", files.stat("file").await?.size, ByteSize::mib(4))?;
    ensure_eq("names", names(cx, ".").await?, vec!["file".to_owned()])?;
    for (_, mut content) in unread {
        let mut bytes = 0;
        while let Some(piece) = content.next().await.transpose()? {
            bytes += piece.len();
        }
        ensure_eq("bytes", bytes, 4 << 20)?;
    }
    Ok(())
}

async fn whoever_serves_files_may_be_killed_between_two_calls(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let files = cx.sandbox().await?.files();
    files.write("file", "x").await?;
    for _ in 0..3 {
        session
            .run(
                "import os, signal
boss = os.getppid()
for pid in open(f'/proc/{boss}/task/{boss}/children').read().split():
    if int(pid) != os.getpid(): os.kill(int(pid), signal.SIGKILL)",
            )
            .await?;
        // Its end has to get here first.
        tokio::time::sleep(Duration::from_millis(100)).await;
        ensure_eq("content", files.read("file", ByteSize::kib(1)).await?, Bytes::from("x"))?;
    }
    Ok(())
}

async fn paths_that_leave_the_working_directory_are_refused(cx: &Context) -> Outcome {
    let files = cx.sandbox().await?.files();
    for path in ["..", "../x", "a/../../x", "/etc/passwd", "//etc", "a/..", "x\0y", "/"] {
        files.read(path, ByteSize::mib(1)).await.expect_code("files.outside")?;
        files.write(path, "x").await.expect_code("files.outside")?;
        files.list(path).await.expect_code("files.outside")?;
        files.mkdir(path).await.expect_code("files.outside")?;
        files.remove(path).await.expect_code("files.outside")?;
        files.rename("x", path).await.expect_code("files.outside")?;
    }
    Ok(())
}

async fn links_are_never_followed(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os; os.symlink('/etc', 'dir'); os.symlink('/etc/passwd', 'file'); os.symlink('file', 'inside')").await?;
    let files = cx.sandbox().await?.files();
    for path in ["file", "inside", "dir/passwd"] {
        files.read(path, ByteSize::mib(1)).await.expect_code("files.outside")?;
    }
    files.list("dir").await.expect_code("files.outside")?;
    files.write("dir/new", "x").await.expect_code("files.outside")?;
    files.mkdir("dir/new").await.expect_code("files.outside")?;
    ensure_eq("a link is told as one", files.stat("file").await?.kind, FileKind::Symlink)?;
    // A link is replaced, as any name is: what it points at is not written to.
    files.write("file", "mine").await?;
    ensure_eq("now it is a file", files.stat("file").await?.kind, FileKind::File)?;
    session.run("'mine' in open('/etc/passwd').read()").await?.expect_value("False")?;
    Ok(())
}

async fn a_link_that_takes_a_directorys_place_leads_nowhere(cx: &Context) -> Outcome {
    let (session, files) = (cx.session().await?, cx.sandbox().await?.files());
    session.run("import os, tempfile\noutside = tempfile.mkdtemp()\nos.mkdir('d')").await?.expect_completed()?;
    for _ in 0..2 {
        files.write("d/file", "x").await?;
        session.run("os.rename('d', 'away'); os.symlink(outside, 'd')").await?.expect_completed()?;
        files.write("d/file", "x").await.expect_code("files.outside")?;
        session.run("os.unlink('d'); os.rename('away', 'd')").await?.expect_completed()?;
    }
    if cx.races(1) > 0 {
        links_that_come_and_go(cx, &session).await?;
    }
    session.run("os.listdir(outside)").await?.expect_value("[]")?;
    Ok(())
}

/// Writes into a directory whose place a link takes all the time: which of both a write meets is up to the moment.
async fn links_that_come_and_go(cx: &Context, session: &Session) -> Outcome {
    let swapping = "
import shutil
def clear(name):
    os.unlink(name) if os.path.islink(name) else shutil.rmtree(name, ignore_errors=True)
def stay():
    for _ in range(100): os.lstat('d')
print('ready')
while True:
    try:
        clear('d'); clear('away'); os.mkdir('d'); stay()
        os.rename('d', 'away'); os.symlink(outside, 'd'); stay()
    except OSError:
        pass
";
    let mut swapper = session.start(swapping).await?;
    while let Some(event) = swapper.next().await {
        if matches!(event.kind, EventKind::Output { .. }) {
            break;
        }
    }
    let files = cx.sandbox().await?.files();
    let (mut done, mut refused) = (0, 0);
    // Until both have been met: the directory, and the link in its place.
    for round in 0..20_000 {
        match files.write("d/file", "x").await {
            Ok(_) => done += 1,
            Err(error) if error.code() == "files.outside" => refused += 1,
            Err(Error::Files(_)) => {} // it was just being replaced
            Err(other) => return Err(other.into()),
        }
        if round >= 300 && done > 0 && refused > 0 {
            break;
        }
    }
    session.interrupt(&swapper.id()).await?;
    swapper.await?;
    ensure(&format!("{done} writes met the directory, {refused} the link"), done > 0 && refused > 0)
}

async fn removing_a_link_leaves_what_it_points_at(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import os, tempfile; out = tempfile.mkdtemp(); open(out + '/kept', 'w').close(); os.mkdir('d'); os.symlink(out, 'd/link')";
    session.run(code).await?;
    cx.sandbox().await?.files().remove("d").await?;
    session.run("os.listdir(out), os.listdir('.')").await?.expect_value("(['kept'], [])")?;
    Ok(())
}

async fn a_fifo_is_not_waited_for(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os; os.mkfifo('pipe')").await?;
    let files = cx.sandbox().await?.files();
    files.read("pipe", ByteSize::kib(1)).await.expect_code("files.wrong_kind")?;
    ensure_eq("it is told as what it is not", files.stat("pipe").await?.kind, FileKind::Other)?;
    files.remove("pipe").await?;
    Ok(())
}

async fn devices_and_sockets_are_not_read(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import socket; s = socket.socket(socket.AF_UNIX); s.bind('sock')").await?;
    let files = cx.sandbox().await?.files();
    files.read("sock", ByteSize::kib(1)).await.expect_code("files.wrong_kind")?;
    files.read(".", ByteSize::kib(1)).await.expect_code("files.wrong_kind")?;
    Ok(())
}

async fn odd_names_are_names(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let files = cx.sandbox().await?.files();
    let odd = ["-rf", " ", "a\nb", "*", "grün \u{1F40D}", "~", "'\"$(x)", ".hidden", "..."];
    for name in odd {
        files.write(name, name.to_owned()).await?;
        ensure_eq("content", files.read(name, ByteSize::kib(1)).await?, Bytes::from(name))?;
    }
    ensure_eq("names", names(cx, ".").await?.len(), odd.len())?;
    session.run("import os; open(b'\\xff\\xfe', 'w').close(); len(os.listdir('.'))").await?.expect_value("10")?;
    let listed = files.list(".").await?;
    let unspeakable = listed.iter().find(|file| file.path.contains("udcff"));
    ensure_eq("a name that is no UTF-8 is listed, but not as a file", unspeakable.map(|file| file.kind), Some(FileKind::Other))
}

async fn a_name_that_is_too_long_is_refused(cx: &Context) -> Outcome {
    let files = cx.sandbox().await?.files();
    files.write(&"x".repeat(300), "x").await.expect_code("files.refused")?;
    files.mkdir(&"x/".repeat(5000)).await.expect_code("files.refused")?;
    ensure_eq("names", names(cx, ".").await?, Vec::<String>::new())
}

async fn a_sparse_file_says_its_size_before_it_comes(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("with open('sparse', 'wb') as file: file.truncate(1 << 40)").await?;
    let files = cx.sandbox().await?.files();
    files.read("sparse", ByteSize::mib(1)).await.expect_code("config.invalid")?;
    let (info, mut content) = files.download("sparse").await?;
    ensure_eq("size", info.size, ByteSize::gib(1024))?;
    let first = content.next().await.transpose()?.unwrap_or_default();
    ensure("a piece is bounded", (1..=1 << 20).contains(&first.len()))
}

async fn a_file_that_shrinks_while_it_is_read_is_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let files = cx.sandbox().await?.files();
    files.write("file", vec![7; 64 << 20]).await?;
    let (_, mut content) = files.download("file").await?;
    content.next().await.transpose()?;
    session.run("import os; os.truncate('file', 10)").await?;
    let rest = content.collect::<Vec<_>>().await.into_iter().collect::<Result<Vec<_>, Error>>();
    rest.expect_code("files.refused")?;
    Ok(())
}

async fn a_file_beyond_the_limit_leaves_nothing(cx: &Context) -> Outcome {
    let mut spec = cx.spec();
    spec.limits = Limits { process_file_size: Some(ByteSize::mib(1)), ..Limits::default() };
    let sandbox = Sandbox::create(cx.backend(), spec).await?;
    sandbox.files().write("fits", vec![0; 1 << 20]).await?;
    sandbox.files().write("does_not", vec![0; 3 << 20]).await.expect_code("files.no_room")?;
    ensure_eq("names", sandbox.files().list(".").await?.len(), 1)?;
    sandbox.close().await?;
    Ok(())
}

async fn an_upload_that_is_given_up_leaves_nothing(cx: &Context) -> Outcome {
    let files = cx.sandbox().await?.files();
    files.write("there", "before").await?;
    for name in ["new", "there", "made/for/it"] {
        let (body, under_way) = endless(b"half");
        let a_while = async {
            let told = under_way.await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            told.is_ok()
        };
        tokio::select! {
            done = files.upload(name, body) => return Err(Failure::new(format!("an upload without an end ended: {done:?}"))),
            is_under_way = a_while => ensure("it was under way", is_under_way)?,
        }
    }
    only(cx, &["there"]).await?;
    ensure_eq("the old file", files.read("there", ByteSize::kib(1)).await?, Bytes::from("before"))
}

async fn an_upload_whose_source_fails_leaves_nothing(cx: &Context) -> Outcome {
    let files = cx.sandbox().await?.files();
    let problem = Error::from(SessionError::Unknown { session: SessionId::new() });
    let failing: FileBody = Box::pin(stream::iter([Ok(Bytes::from_static(b"half")), Err(problem)]));
    files.upload("new", failing).await.expect_code("session.unknown")?;
    only(cx, &[]).await
}

async fn a_download_that_is_given_up_does_no_harm(cx: &Context) -> Outcome {
    let files = cx.sandbox().await?.files();
    files.write("file", vec![7; 5 << 20]).await?;
    for _ in 0..20 {
        let (_, mut content) = files.download("file").await?;
        content.next().await.transpose()?;
    }
    ensure_eq("bytes", files.read("file", ByteSize::mib(8)).await?.len(), 5 << 20)
}

async fn many_transfers_at_once_do_not_mix(cx: &Context) -> Outcome {
    let files = cx.sandbox().await?.files();
    let transfers = (0..24_u8).map(|number| async move {
        let (name, content) = (format!("f{number}"), Bytes::from(vec![number; 300_000 + usize::from(number)]));
        let pieces = content.chunks(70_001).map(Bytes::copy_from_slice).collect();
        files.upload(&name, body(pieces)).await?;
        let read = files.read(&name, ByteSize::mib(1)).await?;
        Ok::<_, Error>(read == content)
    });
    let same = futures_util::future::try_join_all(transfers).await?;
    ensure("each came out as it went in", same.iter().all(|same| *same))
}

async fn code_that_runs_does_not_hold_files_up(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut running = session.start(BUSY).await?;
    running.next().await;
    let files = cx.sandbox().await?.files();
    files.write("file", "x").await?;
    ensure_eq("content", files.read("file", ByteSize::kib(1)).await?, Bytes::from("x"))?;
    session.interrupt(&running.id()).await?;
    running.await?;
    Ok(())
}

async fn a_transfer_does_not_hold_an_interrupt_up(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let files = cx.sandbox().await?.files();
    let (body, under_way) = endless(b"half");
    let stuck = files.upload("file", body);
    let interrupted = async {
        ensure("it was under way", under_way.await.is_ok())?;
        let mut running = session.watch(SLEEPER).await?;
        running.until_output("ready\n").await?;
        session.interrupt(&running.id()).await?;
        running.finish().await
    };
    tokio::select! {
        done = stuck => Err(Failure::new(format!("an upload without an end ended: {done:?}"))),
        result = interrupted => result?.expect_status(Status::Interrupted).map(drop),
    }
}

async fn files_of_a_sandbox_that_is_gone_are_refused(cx: &Context) -> Outcome {
    let sandbox = Sandbox::create(cx.backend(), cx.spec()).await?;
    sandbox.files().write("file", "x").await?;
    let id = sandbox.id();
    sandbox.close().await?;
    let gone = Sandbox::of(cx.backend(), id);
    gone.files().stat("file").await.expect_code("sandbox.unknown")?;
    Ok(())
}
