from seif.engines.memory import note_peak, peak_memory, reset_peak


def test_the_peak_is_that_of_the_process_with_the_most():
    reset_peak()
    own = peak_memory()
    note_peak(10**15)
    note_peak(5)
    assert 0 < own < peak_memory() == 10**15
    reset_peak()
    assert peak_memory() < 10**15
