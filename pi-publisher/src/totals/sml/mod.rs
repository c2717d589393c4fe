//! Electronic meters that send their registers by themselves, about once a second, as light: EDL21, eHZ and others
//! that speak SML (BSI TR-03109-1, appendix on the Smart Message Language). A reading head makes a serial line of it.

pub mod listening;
pub mod obis;
pub mod settings;
pub mod telegram;
