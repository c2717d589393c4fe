//! The words of the page of readings.

/// What the page of readings says.
#[derive(Debug)]
pub(crate) struct ReadingWords {
    /// Beside what a meter has counted that went from nines to zeros.
    pub(crate) rolled_over: &'static str,
    /// Where a meter shows less than before, and nothing explains it.
    pub(crate) meter_replaced: &'static str,
    /// Where somebody has said that it is another meter.
    pub(crate) another_meter: &'static str,
    /// Label: it is another meter since the reading before.
    pub(crate) was_replaced: &'static str,
    /// Where the meter's publisher says a reading: how it is taken back.
    pub(crate) of_publisher: &'static str,
    /// Heading of the form for it.
    pub(crate) enter_reading: &'static str,
    /// Label.
    pub(crate) reading_time: &'static str,
    /// Label.
    pub(crate) reading_shows: &'static str,
    /// Button.
    pub(crate) enter: &'static str,
    /// What readings are for.
    pub(crate) readings_why: &'static str,
    /// Where there are none.
    pub(crate) no_readings: &'static str,
    /// Column: energy between two readings.
    pub(crate) by_meter: &'static str,
    /// Column: the same by the pulses.
    pub(crate) by_pulses: &'static str,
    /// Column: how much the pulses are off.
    pub(crate) drift: &'static str,
    /// Column.
    pub(crate) read_by: &'static str,
    /// Column.
    pub(crate) entered_at: &'static str,
    /// After a reading was entered.
    pub(crate) reading_entered: &'static str,
    /// While the recorder has not entered it.
    pub(crate) reading_under_way: &'static str,
    /// Opens the question whether a reading was entered by mistake.
    pub(crate) take_back: &'static str,
    /// The button below.
    pub(crate) take_this_back: &'static str,
    /// After a reading was taken back.
    pub(crate) reading_taken_back: &'static str,
    /// While the recorder has not taken it out.
    pub(crate) reading_leaving_soon: &'static str,
    /// The broker has not taken it.
    pub(crate) reading_not_sent: &'static str,
    /// What was typed in is no time.
    pub(crate) reading_no_time: &'static str,
    /// It is still to come.
    pub(crate) reading_in_future: &'static str,
    /// What was typed in is no number.
    pub(crate) reading_no_number: &'static str,
    /// Where no form for readings is: there are no users.
    pub(crate) entering_needs_users: &'static str,
    /// The same: the visitor has not logged in.
    pub(crate) entering_needs_login: &'static str,
    /// The same: the user may only look.
    pub(crate) entering_needs_right: &'static str,
}

pub(super) static ENGLISH: ReadingWords = ReadingWords {
    rolled_over: "the register began again at 0",
    meter_replaced: "less than before: another meter, or misread",
    another_meter: "the meter was replaced",
    was_replaced: "The meter was replaced",
    of_publisher: "set by pi-publisher set-reading; --undo takes it back",
    enter_reading: "Enter a reading",
    reading_time: "Read at",
    reading_shows: "The meter shows",
    enter: "Enter",
    readings_why: "Readings are compared with the counted pulses and change none of them. To correct one, enter the same time again.",
    no_readings: "No readings yet.",
    by_meter: "Used, by the meter",
    by_pulses: "by the pulses",
    drift: "Difference",
    read_by: "Entered by",
    entered_at: "Entered",
    reading_entered: "The reading has been entered.",
    reading_under_way: "The reading is on its way: it appears here as soon as the recorder has entered it.",
    take_back: "Delete",
    take_this_back: "Yes, delete this reading",
    reading_taken_back: "The reading has been deleted.",
    reading_leaving_soon: "The reading is being deleted: it disappears from here as soon as the recorder has deleted it.",
    reading_not_sent: "This could not be sent: the broker cannot be reached or does not accept it. Please try again later.",
    reading_no_time: "That is not a valid time.",
    reading_in_future: "That time is in the future.",
    reading_no_number: "That is not a valid reading: only digits and at most one decimal point, no thousands separators.",
    entering_needs_users: "Only users can enter readings, and this server has none yet. Its administrator makes the first one with “sudo powerpi invite NAME --browser --role admin”; see docs/ACCESS.md.",
    entering_needs_login: "Only users with permission can enter readings: please log in first.",
    entering_needs_right: "You can see readings but not enter any. The administrator of this server can give you the role enter-readings.",
};

pub(super) static GERMAN: ReadingWords = ReadingWords {
    rolled_over: "das Zählwerk begann wieder bei 0",
    meter_replaced: "weniger als zuvor: anderer Zähler oder verlesen",
    another_meter: "der Zähler wurde ausgetauscht",
    was_replaced: "Der Zähler wurde ausgetauscht",
    of_publisher: "mit pi-publisher set-reading gesetzt; --undo nimmt es zurück",
    enter_reading: "Ablesung eintragen",
    reading_time: "Abgelesen am",
    reading_shows: "Der Zähler zeigt",
    enter: "Eintragen",
    readings_why: "Ablesungen werden mit den gezählten Impulsen verglichen und ändern keinen davon. Zum Berichtigen dieselbe Zeit noch einmal eintragen.",
    no_readings: "Noch keine Ablesungen.",
    by_meter: "Verbrauch laut Zähler",
    by_pulses: "laut Impulsen",
    drift: "Abweichung",
    read_by: "Eingetragen von",
    entered_at: "Eingetragen am",
    reading_entered: "Die Ablesung wurde eingetragen.",
    reading_under_way: "Die Ablesung ist unterwegs: Sie erscheint hier, sobald der Rekorder sie eingetragen hat.",
    take_back: "Löschen",
    take_this_back: "Ja, diese Ablesung löschen",
    reading_taken_back: "Die Ablesung wurde gelöscht.",
    reading_leaving_soon: "Die Ablesung wird gelöscht: Sie verschwindet hier, sobald der Rekorder sie gelöscht hat.",
    reading_not_sent: "Das konnte nicht gesendet werden: Der Broker ist nicht erreichbar oder nimmt es nicht an. Bitte später noch einmal versuchen.",
    reading_no_time: "Das ist kein gültiger Zeitpunkt.",
    reading_in_future: "Dieser Zeitpunkt liegt in der Zukunft.",
    reading_no_number: "Das ist kein gültiger Zählerstand: nur Ziffern und höchstens ein Komma, keine Tausenderpunkte.",
    entering_needs_users: "Eintragen können nur Benutzer, und dieser Server hat noch keine. Wer ihn betreut, lädt den ersten mit „sudo powerpi invite NAME --browser --role admin“ ein; mehr dazu in docs/ACCESS.md.",
    entering_needs_login: "Nur berechtigte Benutzer können Ablesungen eintragen: bitte zuerst anmelden.",
    entering_needs_right: "Dieser Benutzer darf Ablesungen ansehen, aber keine eintragen. Wer den Server betreut, kann ihm die Rolle enter-readings geben.",
};
