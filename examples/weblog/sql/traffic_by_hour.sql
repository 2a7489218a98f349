-- title: Traffic by hour
-- description: Hits, visitors and status classes of each hour.
-- chart: line x=hour y=hits
SELECT
    date_trunc('hour', ts) AS hour,
    COUNT(*) AS hits,
    COUNT(DISTINCT visitor) AS visitors,
    SUM(CASE WHEN status BETWEEN 200 AND 299 THEN 1 ELSE 0 END) AS success,
    SUM(CASE WHEN status BETWEEN 300 AND 399 THEN 1 ELSE 0 END) AS redirect,
    SUM(CASE WHEN status BETWEEN 400 AND 499 THEN 1 ELSE 0 END) AS client_error,
    SUM(CASE WHEN status BETWEEN 500 AND 599 THEN 1 ELSE 0 END) AS server_error
FROM hits
GROUP BY 1
ORDER BY 1
