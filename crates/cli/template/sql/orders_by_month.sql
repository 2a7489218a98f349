-- title: Orders by month
-- description: How many orders there were each month, and what they came to.
-- chart: bar x=month y=orders
SELECT
    month,
    COUNT(*) AS orders,
    SUM(total_amount) AS revenue
FROM orders
WHERE status NOT IN ('cancelled', 'refunded')
GROUP BY month
ORDER BY month
