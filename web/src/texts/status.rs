//! The words of the status page.

/// What the status page says of programs, the server and the broker.
#[derive(Debug)]
pub(crate) struct StatusWords {
    /// The reason in that command.
    pub(crate) bounces: &'static str,
    /// Heading.
    pub(crate) publishers: &'static str,
    /// Heading.
    pub(crate) machine: &'static str,
    /// State.
    pub(crate) online: &'static str,
    /// State.
    pub(crate) gone: &'static str,
    /// Column.
    pub(crate) clock: &'static str,
    /// State of a clock.
    pub(crate) clock_synchronised: &'static str,
    /// State of a clock.
    pub(crate) clock_unsynchronised: &'static str,
    /// State of a clock.
    pub(crate) clock_simulated: &'static str,
    /// Column: minutes that wait.
    pub(crate) outbox_depth: &'static str,
    /// Unit.
    pub(crate) minutes: &'static str,
    /// Column.
    pub(crate) last_minute: &'static str,
    /// Heading of what was not taken for meters.
    pub(crate) set_aside: &'static str,
    /// Below it.
    pub(crate) set_aside_how: &'static str,
    /// Reason: minutes that are not recorded yet, because they lie too far in the future.
    pub(crate) kept_aside: &'static str,
    /// Reason: the same minute came with another count.
    pub(crate) contradicted: &'static str,
    /// Reason: more minutes of the future than are kept.
    pub(crate) too_far_ahead: &'static str,
    /// Reason: rows of the meter are damaged.
    pub(crate) damaged_rows: &'static str,
    /// Reason: as many outboxes as a meter may have.
    pub(crate) too_many_outboxes: &'static str,
    /// Reason: as many meters as a site may have.
    pub(crate) too_many_meters: &'static str,
    /// Before a moment: the last time.
    pub(crate) last_time: &'static str,
    /// What the recorder's own check of the ledger has found.
    pub(crate) ledger_checked: &'static str,
    /// It has found nothing wrong.
    pub(crate) is_sound: &'static str,
    /// After a number: what is wrong.
    pub(crate) faults: &'static str,
    /// Heading of meters that are recorded, but have not said what a pulse is.
    pub(crate) unheard_meters: &'static str,
    /// Below it.
    pub(crate) unheard_how: &'static str,
    /// Between a number of them and the last.
    pub(crate) up_to: &'static str,
    /// Column.
    pub(crate) rejected_edges: &'static str,
    /// Column.
    pub(crate) lost_edges: &'static str,
    /// Before how a counter of others last did not go on.
    pub(crate) counter: &'static str,
    /// How: its total began at 0.
    pub(crate) counter_began_anew: &'static str,
    /// How: its total is another one.
    pub(crate) counter_set: &'static str,
    /// How: it says that it is another counter.
    pub(crate) counter_exchanged: &'static str,
    /// Column.
    pub(crate) source: &'static str,
    /// Column and figure.
    pub(crate) version: &'static str,
    /// Figure.
    pub(crate) broker: &'static str,
    /// Figure: which broker, and its version.
    pub(crate) broker_version: &'static str,
    /// State.
    pub(crate) connected: &'static str,
    /// State.
    pub(crate) away: &'static str,
    /// Figure.
    pub(crate) ledger: &'static str,
    /// Figure.
    pub(crate) disk_free: &'static str,
    /// Figure: the broker's report of its store.
    pub(crate) broker_store: &'static str,
    /// Beside the broker: it has no `$SYS`.
    pub(crate) broker_tells_nothing: &'static str,
    /// Beside the broker: no retained messages come with subscriptions.
    pub(crate) broker_retains_nothing: &'static str,
    /// Heading: what the broker keeps for whom.
    pub(crate) kept_for_whom: &'static str,
    /// How it is divided.
    pub(crate) kept_how: &'static str,
    /// Column.
    pub(crate) user: &'static str,
    /// Behind an address of clients without one.
    pub(crate) no_user: &'static str,
    /// Column.
    pub(crate) sessions: &'static str,
    /// Column.
    pub(crate) filters: &'static str,
    /// Column.
    pub(crate) retained_messages: &'static str,
    /// Column.
    pub(crate) owed_messages: &'static str,
    /// Column.
    pub(crate) memory: &'static str,
    /// Column.
    pub(crate) memory_at_most: &'static str,
    /// Column: how much of what a user may have it has.
    pub(crate) share_used: &'static str,
}

pub(super) static ENGLISH: StatusWords = StatusWords {
    bounces: "bounces",
    publishers: "Counting devices",
    machine: "Server",
    online: "online",
    gone: "offline",
    clock: "Clock",
    clock_synchronised: "synchronised",
    clock_unsynchronised: "not synchronised",
    clock_simulated: "simulated",
    outbox_depth: "Waiting to be sent",
    minutes: "min",
    last_minute: "Last minute recorded",
    set_aside: "Set aside",
    set_aside_how: "None of this is in any figure, and nothing is lost: it is kept in the ledger or by the publisher.",
    kept_aside: "Far in the future, not recorded yet",
    contradicted: "The same minute came with another count; the first one counts",
    too_far_ahead: "Far in the future, and too many of them; the publisher keeps them",
    damaged_rows: "What the ledger holds of this meter is damaged; the publisher keeps its new minutes",
    too_many_outboxes: "The meter has had too many outboxes; the publisher keeps its minutes",
    too_many_meters: "The site has too many meters; the publisher keeps its minutes",
    last_time: "last",
    ledger_checked: "Ledger checked",
    is_sound: "no faults",
    faults: "faults; details: powerpi ledger check",
    unheard_meters: "Meters without details",
    unheard_how: "Their minutes are being recorded, but it is not known yet how much energy or volume a pulse stands for (message “info”). Once it is known, they get pages of their own.",
    up_to: "up to",
    rejected_edges: "Bounces rejected",
    lost_edges: "Signal changes missed",
    counter: "Meter reading",
    counter_began_anew: "started again from 0",
    counter_set: "was changed, or the meter was replaced; counting continues from the new reading",
    counter_exchanged: "the meter was replaced; counting continues from the new reading",
    source: "Source",
    version: "Version",
    broker: "Broker",
    broker_version: "Broker version",
    connected: "connected",
    away: "not connected",
    ledger: "Ledger",
    disk_free: "Free disk",
    broker_store: "Broker store",
    broker_tells_nothing: "does not report its version or how full it is",
    broker_retains_nothing: "sends nothing from before this connection, so details of Pis can be missing for up to an hour",
    kept_for_whom: "What the broker keeps",
    kept_how: "Each user has a part of the memory that nobody else can take; the rest goes to those who need \
               more, and nobody can take all of it. Whoever has used up their share is refused more, or loses their \
               own oldest messages.",
    user: "User",
    no_user: "no user",
    sessions: "Sessions",
    filters: "Filters",
    retained_messages: "Retained messages",
    owed_messages: "Messages not delivered yet",
    memory: "Memory",
    memory_at_most: "At most",
    share_used: "Used",
};

pub(super) static GERMAN: StatusWords = StatusWords {
    bounces: "Prellen",
    publishers: "Zählrechner",
    machine: "Server",
    online: "online",
    gone: "offline",
    clock: "Uhr",
    clock_synchronised: "synchronisiert",
    clock_unsynchronised: "nicht synchronisiert",
    clock_simulated: "simuliert",
    outbox_depth: "Noch zu senden",
    minutes: "min",
    last_minute: "Letzte Minute im Zählbuch",
    set_aside: "Zurückgestellt",
    set_aside_how: "Nichts davon ist in einer Zahl enthalten, und nichts ist verloren: Es liegt im Zählbuch oder beim Zählrechner.",
    kept_aside: "Weit in der Zukunft, noch nicht verbucht",
    contradicted: "Dieselbe Minute kam noch einmal mit anderer Impulszahl; es gilt die erste",
    too_far_ahead: "Weit in der Zukunft, und zu viele davon; der Zählrechner behält sie",
    damaged_rows: "Die Einträge dieses Zählers im Zählbuch sind beschädigt; der Zählrechner behält seine neuen Minuten",
    too_many_outboxes: "Der Zähler hatte zu viele Postausgänge; der Zählrechner behält seine Minuten",
    too_many_meters: "Der Standort hat zu viele Zähler; der Zählrechner behält seine Minuten",
    last_time: "zuletzt",
    ledger_checked: "Zählbuch geprüft",
    is_sound: "ohne Fehler",
    faults: "Fehler; Näheres: powerpi ledger check",
    unheard_meters: "Zähler ohne Angaben",
    unheard_how: "Ihre Minuten werden aufgezeichnet. Noch ist nicht bekannt, für wie viel Energie oder Volumen ein Impuls steht (Nachricht „info“); sobald es bekannt ist, bekommen sie eigene Seiten.",
    up_to: "bis",
    rejected_edges: "Prellimpulse verworfen",
    lost_edges: "Signalwechsel verpasst",
    counter: "Zählerstand",
    counter_began_anew: "hat wieder bei 0 begonnen",
    counter_set: "wurde geändert, oder der Zähler wurde getauscht; ab dem neuen Stand wird weitergezählt",
    counter_exchanged: "der Zähler wurde getauscht; ab dem neuen Stand wird weitergezählt",
    source: "Quelle",
    version: "Version",
    broker: "Broker",
    broker_version: "Broker-Version",
    connected: "verbunden",
    away: "nicht verbunden",
    ledger: "Zählbuch",
    disk_free: "Freier Speicherplatz",
    broker_store: "Broker-Speicher",
    broker_tells_nothing: "meldet weder seine Version noch seinen Füllstand",
    broker_retains_nothing: "schickt nichts von vor dieser Verbindung, deshalb können Angaben der Pis bis zu einer Stunde fehlen",
    kept_for_whom: "Was der Broker aufbewahrt",
    kept_how: "Jeder Benutzer hat einen Teil des Speichers für sich allein; den Rest bekommt, wer mehr braucht, \
               aber niemand alles. Wer seinen Anteil ausgeschöpft hat, bekommt nicht mehr oder verliert seine \
               ältesten Nachrichten.",
    user: "Benutzer",
    no_user: "ohne Benutzer",
    sessions: "Sitzungen",
    filters: "Filter",
    retained_messages: "Beibehaltene Nachrichten",
    owed_messages: "Noch nicht zugestellte Nachrichten",
    memory: "Speicher",
    memory_at_most: "Höchstens",
    share_used: "Belegt",
};
