//! The words of the first page, before there is a meter.

/// What the first page says.
#[derive(Debug)]
pub(crate) struct FirstWords {
    pub(crate) title: &'static str,
    pub(crate) intro: &'static str,
    /// How far a step is.
    pub(crate) done: &'static str,
    pub(crate) next: &'static str,
    pub(crate) later: &'static str,
    /// In braces: `n` is the step's number, `of` how many there are, `title` its title.
    step: &'static str,
    /// The programs of the server.
    pub(crate) server: &'static str,
    pub(crate) server_runs: &'static str,
    pub(crate) broker_away: &'static str,
    pub(crate) no_ledger: &'static str,
    /// Inviting the Pi.
    pub(crate) invite: &'static str,
    pub(crate) invite_by: &'static str,
    pub(crate) invite_means: &'static str,
    invited: &'static str,
    pub(crate) this_line: &'static str,
    /// Joining.
    pub(crate) join: &'static str,
    pub(crate) join_by: &'static str,
    pub(crate) join_means: &'static str,
    pub(crate) joined: &'static str,
    pub(crate) gone: &'static str,
    /// The first minute.
    pub(crate) minute: &'static str,
    pub(crate) minute_means: &'static str,
    pub(crate) no_clock: &'static str,
    /// Opening the pages.
    pub(crate) opening: &'static str,
    pub(crate) opening_by: &'static str,
}

impl FirstWords {
    /// Which step it is.
    pub(crate) fn step(&self, number: usize, of: usize, title: &str) -> String {
        let text = self.step.replace("{n}", &number.to_string()).replace("{of}", &of.to_string());
        text.replace("{title}", title)
    }

    /// That a site is invited.
    pub(crate) fn invited(&self, site: &str, until: &str) -> String {
        self.invited.replace("{site}", site).replace("{until}", until)
    }
}

/// English.
pub(super) const ENGLISH: FirstWords = FirstWords {
    title: "No meter yet",
    intro: "Four steps lead to the first picture. This page shows how far you are, and becomes the meter’s page by itself once the first minute has been recorded.",
    done: "Done",
    next: "Next",
    later: "Later",
    step: "Step {n} of {of}: {title}",
    server: "The server is running",
    server_runs: "The broker is connected and the ledger is there.",
    broker_away: "The broker cannot be reached. This says why:",
    no_ledger: "The recorder has no ledger yet. If that lasts longer than a minute, this says why:",
    invite: "Invite the Raspberry Pi",
    invite_by: "Run this on the server:",
    invite_means: "“home” will be the name of the place where the meter is; choose your own. The command prints one line, which works once, within an hour.",
    invited: "“{site}” is invited until {until}.",
    this_line: "This is the line; keep it to yourself:",
    join: "Let it join",
    join_by: "Connect the meter, copy the package powerpi-pi to the Pi, and run there:",
    join_means: "Paste the line when you are asked for it. The Pi then says whether it sees pulses.",
    joined: "“{site}” has joined and is connected.",
    gone: "“{site}” has joined, but is not connected now. On the Pi, this says why:",
    minute: "The first minute",
    minute_means: "It is recorded as soon as it is over: within two minutes of the Pi joining.",
    no_clock: "The clock of “{site}” is not set yet. Its minutes wait until it is. On the Pi, this says why:",
    opening: "Let others see these pages",
    opening_by: "Only browsers on the server itself can see these pages so far. This lets others in, and asks whether they log in or come through a proxy:",
};

/// German.
pub(super) const GERMAN: FirstWords = FirstWords {
    title: "Noch kein Zähler",
    intro: "Vier Schritte führen zum ersten Bild. Diese Seite zeigt, wie weit du bist, und wird von selbst zur Seite des Zählers, sobald die erste Minute aufgezeichnet ist.",
    done: "Erledigt",
    next: "Jetzt",
    later: "Später",
    step: "Schritt {n} von {of}: {title}",
    server: "Der Server läuft",
    server_runs: "Der Broker ist verbunden, und das Zählbuch ist angelegt.",
    broker_away: "Der Broker ist nicht erreichbar. Dieser Befehl zeigt den Grund:",
    no_ledger: "Der Rekorder hat noch kein Zählbuch angelegt. Dauert das länger als eine Minute, zeigt dieser Befehl den Grund:",
    invite: "Den Raspberry Pi einladen",
    invite_by: "Gib auf dem Server ein:",
    invite_means: "„home“ wird der Name des Ortes, an dem der Zähler ist; wähle einen eigenen. Der Befehl gibt eine Zeile aus. Sie gilt einmal und eine Stunde lang.",
    invited: "„{site}“ ist bis {until} eingeladen.",
    this_line: "Das ist die Zeile; behalte sie für dich:",
    join: "Den Pi anmelden",
    join_by: "Schließe den Zähler an, kopiere das Paket powerpi-pi auf den Pi und gib dort ein:",
    join_means: "Füge die Zeile ein, wenn der Befehl danach fragt. Er sagt dann, ob er Impulse sieht.",
    joined: "„{site}“ ist angemeldet und verbunden.",
    gone: "„{site}“ ist angemeldet, aber gerade nicht verbunden. Auf dem Pi zeigt dieser Befehl den Grund:",
    minute: "Die erste Minute",
    minute_means: "Sie wird aufgezeichnet, sobald sie vorbei ist: höchstens zwei Minuten nach der Anmeldung.",
    no_clock: "Die Uhr von „{site}“ ist noch nicht gestellt; so lange warten seine Minuten. Auf dem Pi zeigt dieser Befehl mehr:",
    opening: "Die Seiten für andere freigeben",
    opening_by: "Bisher sind diese Seiten nur in einem Browser auf dem Server selbst zu sehen. Dieser Befehl gibt sie für andere frei und fragt, ob sie sich anmelden oder über einen Proxy kommen:",
};
