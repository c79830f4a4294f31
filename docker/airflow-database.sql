-- Airflow's own database beside the hub's, made when the server's data folder is new.
CREATE DATABASE airflow;
