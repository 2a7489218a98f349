-- title: 시간대별 클릭스트림
-- description: 서울 시각의 시간대별 방문과 행동. 방문은 서로 다른 세션의 수다.
-- param: since date = 2026-03-01  -- 이 날부터
-- param: until date = 2026-12-31  -- 이 날까지
-- chart: line x=hour y=page_views
SELECT
    "hour",
    COUNT(DISTINCT session_id) AS sessions,
    SUM(CASE WHEN event = 'page_view' THEN 1 ELSE 0 END) AS page_views,
    SUM(CASE WHEN event = 'product_view' THEN 1 ELSE 0 END) AS product_views,
    SUM(CASE WHEN event = 'add_to_cart' THEN 1 ELSE 0 END) AS carts,
    SUM(CASE WHEN event = 'checkout' THEN 1 ELSE 0 END) AS checkouts,
    SUM(CASE WHEN event = 'purchase' THEN 1 ELSE 0 END) AS purchases
FROM clicks
WHERE "date" BETWEEN :since AND :until
GROUP BY "hour"
ORDER BY "hour"
