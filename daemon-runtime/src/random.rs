//! Names that nobody else has, and that nobody can guess.

use rustls::crypto::ring;

/// 64 random bits from the operating system, as 16 hexadecimal digits.
///
/// # Panics
/// If the operating system has no random numbers. Linux has them once it has booted.
pub fn random_id() -> String {
    let mut bits = [0; 8];
    let filled = ring::default_provider().secure_random.fill(&mut bits);
    filled.expect("the operating system has random numbers");
    format!("{:016x}", u64::from_ne_bytes(bits))
}

#[cfg(test)]
mod tests {
    use super::random_id;

    #[test]
    fn no_two_are_the_same() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| random_id()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 16));
    }
}
