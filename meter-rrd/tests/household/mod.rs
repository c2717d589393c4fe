//! A household's minutes, invented but the same each time.

use meter_messages::Minute;

/// Pulses of a meter with 1000 pulses per kWh in the minute `at`: a base, a
/// fridge, meals, evenings, washing days, and more of it all in winter.
pub(crate) fn pulses(at: Minute) -> u32 {
    let minutes = at.epoch_minutes();
    let (day, of_day) = (minutes.div_euclid(1440), minutes.rem_euclid(1440));
    let dice = |salt: i64, sides: i64| {
        let mixed = (day * 31 + salt).wrapping_mul(0x5851_F42D_4C95_7F2D).rotate_left(29);
        mixed.wrapping_mul(0x2545_F491_4F6C_DD1D).unsigned_abs() as i64 % sides
    };
    let season = 1.0 + 0.55 * ((day % 365) as f64 / 365.0 * std::f64::consts::TAU).cos();
    let during = |start: i64, length: i64, watts: f64| {
        if (start..start + length).contains(&of_day) { watts } else { 0.0 }
    };
    let fridge = if (minutes / 14) % 3 == 0 { 85.0 } else { 0.0 };
    let oven = if (minutes / 4) % 2 == 0 { 1900.0 } else { 350.0 };
    let mut watts = 95.0 + 30.0 * season + fridge;
    watts += during(370 + dice(1, 40), 9, 1900.0) + during(400 + dice(2, 30), 45, 180.0);
    watts += during(700 + dice(3, 60), 25, if day % 3 == 0 { 1500.0 } else { 420.0 });
    watts += during(1080 + dice(4, 80), 35 + dice(5, 25), oven);
    watts += during(1050 + dice(6, 60), 270, 190.0 * season);
    if day % 7 == 5 || day % 5 == 1 {
        watts += during(560 + dice(7, 200), 18, 2100.0) + during(600 + dice(7, 200), 60, 260.0);
    }
    watts += during(330, 900, 260.0 * dice(8, 100) as f64 / 100.0 * season * season);
    if day % 61 < 6 {
        watts = 70.0 + fridge;
    }
    watts += during(0, 360, 120.0 * (season - 0.45)) * ((minutes / 25) % 2) as f64;
    let noise = minutes.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64).unsigned_abs() % 1000;
    (watts / 60.0 + noise as f64 / 1000.0) as u32
}
