"""Every way to rotate: each method with each strategy on each engine, beside an application that logs in 50 times a second throughout."""
