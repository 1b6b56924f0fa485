pub fn run() -> Result<(), super::Failure> {
    Ok(())
}
