"""Simulated peers on real HTTP and SOAP: two provincial systems and a strict national adapter that keeps a ledger.

They share no code with the hub: what the hub did is judged here, by what arrived on the wire.
"""
