//! The programs that are measured, and those that measure.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A hundredth of a second, in which the kernel counts CPU time.
const TICK_US: f64 = 10_000.0;

/// A program; ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn spawn(mut command: Command) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    pub(crate) fn start(command: Command, address: SocketAddr) -> Self {
        let said = format!("{command:?}");
        let mut running = Self::spawn(command);
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "{said} does not listen");
            assert!(running.0.try_wait().unwrap().is_none(), "{said} ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        running
    }
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn children(&self) -> Vec<u32> {
        let parent = self.id();
        let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
        children.split_whitespace().map(|id| id.parse().unwrap()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Not SIGKILL: nginx and PHP have to end their workers.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// Ours.
#[derive(Debug)]
pub(crate) struct Web {
    running: Running,
    pub(crate) address: SocketAddr,
}

impl Web {
    /// Over the folder's ledger.
    pub(crate) fn start(folder: &Path, mqtt_port: u16) -> Self {
        let address = free_address();
        let settings = folder.join("powerpi-web.toml");
        let text = format!(
            "listen = '{address}'\nledger = 'ledger.sqlite'\nrrd_dir = 'rrd'\ntime_zone = 'Europe/Berlin'\n\
             [mqtt]\nport = {mqtt_port}\n"
        );
        std::fs::write(&settings, text).unwrap();
        // Next to this example's folder.
        let program = std::env::current_exe().unwrap().parent().unwrap().with_file_name("powerpi-web");
        let mut command = Command::new(program);
        command.arg("--config").arg(settings).current_dir(folder);
        Self { running: Running::start(command, address), address }
    }

    pub(crate) fn processes(&self) -> Vec<u32> {
        vec![self.running.0.id()]
    }

    /// CPU time so far, in µs.
    pub(crate) fn cpu_us(&self) -> f64 {
        cpu_us(&self.processes())
    }
}

/// Debian's nginx with as many workers as our server has threads.
#[derive(Debug)]
pub(crate) struct Nginx {
    running: Running,
    pub(crate) address: SocketAddr,
}

impl Nginx {
    /// Over some files.
    pub(crate) fn start(folder: &Path, files: &[(String, Vec<u8>)]) -> Self {
        let (address, root) = (free_address(), folder.join("files"));
        std::fs::create_dir(&root).unwrap();
        for (name, content) in files {
            std::fs::write(root.join(name), content).unwrap();
        }
        Self::with(folder, address, &format!("root {};", root.display()))
    }

    /// Before PHP, which a socket leads to.
    pub(crate) fn before_php(folder: &Path, script: &Path, socket: &Path) -> Self {
        let server = format!(
            "location / {{ fastcgi_pass unix:{}; fastcgi_param SCRIPT_FILENAME {};\n\
             fastcgi_param REQUEST_METHOD $request_method; fastcgi_param QUERY_STRING $query_string; }}",
            socket.display(),
            script.display()
        );
        Self::with(folder, free_address(), &server)
    }

    fn with(folder: &Path, address: SocketAddr, server: &str) -> Self {
        let dir = folder.display();
        let text = format!(
            "daemon off; worker_processes 2; pid {dir}/nginx.pid; error_log {dir}/nginx.log; user root;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000000;\n\
             open_file_cache max=100; types {{ image/svg+xml svg; }} default_type application/json;\n\
             client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;\n\
             uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;\n\
             server {{ listen {address}; {server} }} }}\n"
        );
        let settings = folder.join("nginx.conf");
        std::fs::write(&settings, text).unwrap();
        let path = ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|path| Path::new(path).exists());
        let mut command = Command::new(path.unwrap_or("nginx"));
        command.arg("-c").arg(settings).arg("-p").arg(folder);
        Self { running: Running::start(command, address), address }
    }

    /// Its workers do the work.
    pub(crate) fn processes(&self) -> Vec<u32> {
        self.running.children()
    }
}

/// Debian's mosquitto.
#[derive(Debug)]
pub(crate) struct Broker {
    _running: Running,
    pub(crate) port: u16,
}

impl Broker {
    pub(crate) fn start() -> Self {
        let address = free_address();
        let path =
            ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"].into_iter().find(|it| Path::new(it).exists());
        let mut command = Command::new(path.unwrap_or("mosquitto"));
        command.args(["-p", &address.port().to_string()]);
        Self { _running: Running::start(command, address), port: address.port() }
    }
}

/// CPU time of processes so far, in µs.
pub(crate) fn cpu_us(processes: &[u32]) -> f64 {
    let of = |id: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        // utime and stime are the 14th and 15th field.
        [11, 12].map(|field: usize| fields[field].parse::<f64>().unwrap()).iter().sum::<f64>()
    };
    processes.iter().map(of).sum::<f64>() * TICK_US
}

/// What a load gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) per_second: f64,
    /// Of the server, for each answer.
    pub(crate) cpu_us: f64,
}

/// As many requests as are answered, by `wrk`.
pub(crate) fn wrk(
    address: SocketAddr,
    path: &str,
    connections: usize,
    seconds: usize,
    processes: &[u32],
) -> Load {
    let before = cpu_us(processes);
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s")])
        .arg(format!("http://{address}{path}"))
        .output()
        .unwrap_or_else(|error| panic!("wrk: {error}"));
    let used = cpu_us(processes) - before;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.contains("Non-2xx") && !said.contains("Socket errors"), "{said}");
    let figure = said.lines().find_map(|line| line.strip_prefix("Requests/sec:")).expect("a rate");
    let count = said.lines().find_map(|line| line.trim().split_once(" requests in ")).expect("a count").0;
    let per_second = figure.trim().parse().unwrap();
    Load { per_second, cpu_us: used / count.parse::<f64>().unwrap() }
}
