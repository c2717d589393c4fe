//! Volkszähler's tables in a real MariaDB, dumped as the guide says. `make test-imports` runs it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{YEAR_S, folder, imported, refused, run, sum};

/// The tables as Volkszähler's Doctrine models make them.
const TABLES: &str = "
    CREATE TABLE entities (id INT AUTO_INCREMENT NOT NULL, uuid VARCHAR(36) NOT NULL, type VARCHAR(255) NOT NULL,
        class VARCHAR(255) NOT NULL, UNIQUE INDEX UNIQ_uuid (uuid), PRIMARY KEY(id)) ENGINE = InnoDB;
    CREATE TABLE properties (id INT AUTO_INCREMENT NOT NULL, entity_id INT DEFAULT NULL, pkey VARCHAR(255) NOT NULL,
        value LONGTEXT NOT NULL, UNIQUE INDEX property_unique (entity_id, pkey), PRIMARY KEY(id),
        FOREIGN KEY (entity_id) REFERENCES entities (id)) ENGINE = InnoDB;
    CREATE TABLE data (id INT AUTO_INCREMENT NOT NULL, channel_id INT DEFAULT NULL, timestamp BIGINT NOT NULL,
        value DOUBLE PRECISION NOT NULL, UNIQUE INDEX data_unique (channel_id, timestamp), PRIMARY KEY(id),
        FOREIGN KEY (channel_id) REFERENCES entities (id)) ENGINE = InnoDB;
    INSERT INTO entities VALUES (1, '11111111-aaaa', 'power', 'channel'), (2, '22222222-bbbb', 'powersensor', 'channel'),
        (3, '33333333-cccc', 'electric meter', 'channel'), (4, '44444444-dddd', 'group', 'aggregator');
    INSERT INTO properties (entity_id, pkey, value) VALUES (1, 'title', 'Strom\\'s (Haus); \\\\ \\n\\t\"neu\"'),
        (1, 'resolution', '2000'), (2, 'title', 'Wärmepumpe'), (2, 'description', REPEAT('x', 30000)), (3, 'resolution', '1');";

/// A server of the test's own, which ends with it.
struct Server {
    child: Child,
    socket: String,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let (data, socket) = (folder.join("mariadb"), folder.join("mariadb.sock").display().to_string());
        let data = data.display().to_string();
        let user = run("id", folder, &["-un"]);
        let user = format!("--user={}", user.trim());
        let [at, by] = [format!("--datadir={data}"), format!("--socket={socket}")];
        let install =
            ["--no-defaults", &at, &user, "--auth-root-authentication-method=normal", "--skip-test-db"];
        run("mariadb-install-db", folder, &install);
        let child = Command::new("mariadbd")
            .args(["--no-defaults", &at, &by, &user, "--skip-networking", "--character-set-server=utf8mb4"])
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("mariadb.log")).unwrap())
            .spawn()
            .unwrap();
        let server = Self { child, socket };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !server.client("mariadb-admin", &["ping"]).output().unwrap().status.success() {
            assert!(Instant::now() < deadline, "{}", fs::read_to_string(folder.join("mariadb.log")).unwrap());
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }

    fn client(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["--no-defaults", "--user=root", "--default-character-set=utf8mb4"]);
        command.arg(format!("--socket={}", self.socket)).args(arguments);
        command
    }

    fn output(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let output = self.client(program, arguments).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs Debian's mariadb-server; `make test-imports` runs it"]
fn a_dump_of_a_real_mariadb_is_read() {
    let (folder, ledger) = folder();
    let path = folder.path();
    let server = Server::start(path);
    // Two pulses in each 20 s of a day, the power of an hour, and a total each quarter of an hour of another day.
    let series = [
        format!("SELECT 1, ({YEAR_S} + 86400 + seq * 20) * 1000, 2 FROM seq_0_to_4320"),
        format!("SELECT 2, ({YEAR_S} + 172800 + seq * 60) * 1000, 600.5 FROM seq_1_to_60"),
        format!("SELECT 3, ({YEAR_S} + 259200 + seq * 900) * 1000, 5000 + seq * 0.25 FROM seq_0_to_96"),
    ];
    let fill = series.map(|rows| format!("INSERT INTO data (channel_id, timestamp, value) {rows};")).concat();
    let all = format!("CREATE DATABASE volkszaehler; USE volkszaehler; {TABLES} {fill}");
    server.output("mariadb", &["--execute", &all]);
    for (name, way) in [
        ("vz.sql", &["--single-transaction"][..]),
        ("rows.sql", &["--skip-extended-insert", "--complete-insert"]),
    ] {
        let tables = ["volkszaehler", "entities", "properties", "data"];
        fs::write(path.join(name), server.output("mysqldump", &[way, &tables].concat())).unwrap();
    }
    let error = refused(path, &["volkszaehler", "vz.sql"]);
    assert!(error.contains("Strom's (Haus)") && error.contains("Wärmepumpe"), "{error}");
    assert!(!error.contains("44444444"), "a group is no channel: {error}");
    let pulses = imported(path, &["volkszaehler", "vz.sql", "--channel", "1111"]);
    assert_eq!((&pulses["pulses"], &pulses["longest_minutes"]), (&4320.into(), &1.into()));
    assert_eq!(sum(&ledger, 1440..2880), (4320, 86_400));
    let power = imported(path, &["volkszaehler", "vz.sql", "--channel", "Wärmepumpe"]);
    assert_eq!(power["pulses"].as_u64().unwrap() + power["pulses_there"].as_u64().unwrap(), 601, "{power}");
    let totals = imported(path, &["volkszaehler", "vz.sql", "--channel", "3333"]);
    assert_eq!((&totals["pulses"], &totals["longest_minutes"]), (&24_000.into(), &15.into()));
    // However mysqldump was told to write it, it is the same.
    for channel in ["1111", "2222", "3333"] {
        let again = imported(path, &["volkszaehler", "rows.sql", "--channel", channel]);
        assert_eq!((&again["pulses"], &again["left_out"]), (&0.into(), &0.into()), "{again}");
    }
}
